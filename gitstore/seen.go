package gitstore

import "context"

// FillReceipts fills in who has seen the messages, as Read does for those of a
// thread: Message.Receipts.
func (s *Store) FillReceipts(ctx context.Context, messages []*Message) error {
	return s.fillReceipts(ctx, messages)
}
