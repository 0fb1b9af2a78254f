package tools

import (
	"context"
	"errors"
)

// explain is an error as the model reads it: one sentence, in one line.
func explain(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "the call was cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		return "the store did not answer in time; call again"
	}
	return oneLine(err.Error())
}
