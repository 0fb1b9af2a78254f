package main

import (
	"errors"
	"time"
)

// processorTime is not asked for on Windows.
func processorTime() (time.Duration, error) { return 0, errors.ErrUnsupported }
