package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
)

// pushBuiltIn is Push without git. What is more than a pack's worth goes in
// several pushes, each of which moves the branches on.
func (r *Remote) pushBuiltIn(ctx context.Context, dir string, updates []Update) (outcome map[plumbing.ReferenceName]error, err error) {
	outcome = map[plumbing.ReferenceName]error{}
	for rest := updates; len(rest) > 0 && err == nil; {
		err = r.converse(ctx, dir, func(ctx context.Context, c *call) (err error) {
			rest, err = c.push(ctx, rest, outcome)
			return err
		})
	}
	return outcome, err
}

// move is a branch during a push: from where the remote has it to the newest
// commit that there is room for.
type move struct {
	Update
	at      plumbing.Hash
	commits []*object.Commit // that the remote lacks, oldest first
	to      plumbing.Hash
}

// all are the commits at which a remote has branches.
func all(adv *packp.AdvRefs) map[plumbing.Hash]bool {
	there := make(map[plumbing.Hash]bool, len(adv.References))
	for _, h := range adv.References {
		there[h] = true
	}
	return there
}

// push does as much of the updates as fits into a pack, notes the outcome of
// those that are done with, and returns what is left of the others.
func (c *call) push(ctx context.Context, updates []Update, outcome map[plumbing.ReferenceName]error) (rest []Update, err error) {
	s, err := c.pushing(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	adv, err := s.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, err
	}
	back, err := c.r.past()
	if err != nil {
		return nil, err
	}
	moves, err := c.moves(ctx, back, adv, updates, outcome)
	if err != nil || len(moves) == 0 {
		return nil, err
	}
	p := newPacking(c.r, !adv.Capabilities.Supports("no-thin"))
	p.past = back
	for _, m := range moves {
		if err := p.fill(ctx, m); err != nil {
			return nil, err
		}
	}
	req, err := c.request(adv.Capabilities, moves, p.finish())
	if err != nil {
		return nil, err
	}
	report, err := s.ReceivePack(ctx, req)
	if report == nil {
		return nil, cmp.Or(err, io.ErrUnexpectedEOF)
	}
	return c.told(report, moves, outcome)
}

// request asks the remote to move its branches to what is in a pack.
func (c *call) request(can *capability.List, moves []*move, pack []byte) (*packp.ReferenceUpdateRequest, error) {
	req := packp.NewReferenceUpdateRequestFromCapabilities(can)
	if can.Supports(capability.Sideband64k) {
		if err := req.Capabilities.Set(capability.Sideband64k); err != nil {
			return nil, err
		}
	}
	for _, m := range moves {
		req.Commands = append(req.Commands, &packp.Command{Name: m.Branch, Old: m.at, New: m.to})
	}
	req.Packfile, req.Progress = io.NopCloser(bytes.NewReader(pack)), c.said
	return req, nil
}

// moves says what each update has to bring; one that has lost a race is noted.
func (c *call) moves(ctx context.Context, back past, adv *packp.AdvRefs, updates []Update, outcome map[plumbing.ReferenceName]error) (moves []*move, err error) {
	there := all(adv)
	for _, u := range updates {
		m := &move{Update: u, at: adv.References[u.Branch.String()], to: u.New}
		if m.at == u.New {
			outcome[u.Branch] = nil
			continue
		}
		if !u.Lease.IsZero() && m.at != u.Lease {
			outcome[u.Branch] = c.lost(u, "stale info")
			continue
		}
		built, err := m.line(ctx, back, there)
		if err != nil {
			return nil, err
		}
		if u.Lease.IsZero() && !m.at.IsZero() && !built {
			outcome[u.Branch] = c.lost(u, "fetch first")
			continue
		}
		moves = append(moves, m)
	}
	return moves, nil
}

func (c *call) lost(u Update, text string) error {
	return &Error{Kind: Race, URL: Redact(c.r.URL), Branch: u.Branch.Short(), Text: text}
}

// line finds the commits that the remote lacks. built tells whether its branch
// is an ancestor; one that is new, or is to be replaced, need not be, and ends
// where another of its branches is.
func (m *move) line(ctx context.Context, back past, there map[plumbing.Hash]bool) (built bool, err error) {
	anew := m.at.IsZero() || !m.Lease.IsZero()
	if !m.at.IsZero() && m.Lease.IsZero() {
		err := back.objects.HasEncodedObject(m.at)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			return false, nil // it has what we have never seen
		}
		if err != nil {
			return false, err
		}
	}
	for h := m.New; h != m.at && (!anew || !there[h]); {
		if err := ctx.Err(); err != nil {
			return false, context.Cause(ctx)
		}
		commit, err := object.GetCommit(back.objects, h)
		if err != nil {
			return false, err
		}
		m.commits = append(m.commits, commit)
		if h = back.parent(commit); h.IsZero() {
			slices.Reverse(m.commits)
			return false, nil
		}
	}
	slices.Reverse(m.commits)
	return true, nil
}

// told reads what the remote says of each branch.
func (c *call) told(report *packp.ReportStatus, moves []*move, outcome map[plumbing.ReferenceName]error) (rest []Update, err error) {
	words := "remote: " + strings.ReplaceAll(strings.TrimSpace(c.said.text()), "\n", "\nremote: ")
	if report.UnpackStatus != "ok" {
		words = "error: remote unpack failed: " + report.UnpackStatus + "\n" + words
	}
	if e := classify(c.r.URL, words); e.forbidden || unable(words) {
		return nil, e
	}
	status := map[plumbing.ReferenceName]string{}
	for _, line := range report.CommandStatuses {
		status[line.ReferenceName] = line.Status
	}
	for _, m := range moves {
		text, said := status[m.Branch]
		switch {
		case !said:
			err = &Error{Kind: Network, URL: Redact(c.r.URL), Text: "the server did not say what became of " + m.Branch.Short()}
		case text != "ok":
			outcome[m.Branch] = &Error{Kind: rejection(text), URL: Redact(c.r.URL), Branch: m.Branch.Short(), Text: reason(oneLine(text), summary(words)),
				Protected: protects(text) || protects(words)}
		case m.to == m.New:
			outcome[m.Branch] = nil
		default:
			rest = append(rest, Update{Branch: m.Branch, New: m.New})
		}
	}
	return rest, err
}
