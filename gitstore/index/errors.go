package index

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
)

var (
	// ErrBusy says that another process has the index locked: it is catching
	// up, or recovering from a crash. Nobody waits for it: read the tree.
	ErrBusy = errors.New("the index is locked by another process; read the tree")
	// ErrMoved says that the index is not at the state that an update begins
	// with, because another process was faster: read its state again.
	ErrMoved = errors.New("the index has moved on; read its state again")
	// ErrDamaged says that the file is not what this package wrote, or that
	// another one has taken its place: call Reset, and read the tree meanwhile.
	ErrDamaged = errors.New("the index is damaged or was replaced; reset it")
)

// Primary result codes of SQLite, as its documentation numbers them.
const (
	codePermission = 3
	codeBusy       = 5
	codeLocked     = 6
	codeNoMemory   = 7
	codeReadOnly   = 8
	codeInterrupt  = 9
	codeFull       = 13
	codeProtocol   = 15

	codeFileMoved = 8 | 4<<8 // the file was deleted or renamed while it was open
)

// explain turns an error of SQLite into one of this package. All statements
// are fixed and the schema is known, so what SQLite does not understand has
// been damaged.
func explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch code := e.Code() & 0xff; {
	case code == codeBusy || code == codeLocked || code == codeProtocol:
		return fmt.Errorf("%w (%w)", ErrBusy, err)
	case code == codeInterrupt:
		return fmt.Errorf("%w (%w)", context.Canceled, err)
	case e.Code() == codeFileMoved:
		return damaged("%w", err)
	case code == codePermission || code == codeNoMemory || code == codeReadOnly || code == codeFull:
		return fmt.Errorf("write the index: %w; free space or make its directory writable", err)
	}
	return damaged("%w", err)
}

// damaged returns an ErrDamaged that says what was found.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w (%w)", ErrDamaged, fmt.Errorf(format, args...))
}
