package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Update is what a push is to do with a branch.
type Update struct {
	Branch plumbing.ReferenceName
	New    plumbing.Hash
	// Lease, if it is not zero, is where the branch must be, and lets it be
	// replaced by a commit that is not built on it.
	Lease plumbing.Hash
}

// Push moves branches of the remote. from is a repository that has, together
// with r.Objects, what they need; if it is not there, it is made, empty. Without
// git, r.Repository must have all of it. The outcome of each update is in the
// map: nil, or an *Error of kind Race or Refused. The error is about all of them,
// whose outcome is then unknown if it is of kind Network. A remote that answers
// 403 is taken for one that may be read.
func (r *Remote) Push(ctx context.Context, from string, updates []Update) (outcome map[plumbing.ReferenceName]error, err error) {
	if err := r.makeRepository(from); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make a repository to push from: %w", err)
	}
	outcome, err = r.pushEither(ctx, from, updates)
	var e *Error
	if errors.As(err, &e) && e.forbidden {
		e.Kind = ReadOnly
	}
	return outcome, err
}

func (r *Remote) pushEither(ctx context.Context, from string, updates []Update) (map[plumbing.ReferenceName]error, error) {
	if r.transport(ctx, from) == BuiltIn {
		outcome, err := r.pushBuiltIn(ctx, from, updates)
		if !r.beyond(err) {
			return outcome, err
		}
	}
	outcome, err := r.pushByGit(ctx, from, updates)
	if errors.Is(err, errOldGit) {
		return r.pushBuiltIn(ctx, from, updates)
	}
	return outcome, err
}

func (r *Remote) pushByGit(ctx context.Context, from string, updates []Update) (map[plumbing.ReferenceName]error, error) {
	args := []string{"push", "--porcelain", "--no-verify", "--no-signed", "--no-recurse-submodules", "--no-follow-tags", "--progress"}
	var specs []string
	for _, u := range updates {
		if !u.Lease.IsZero() {
			args = append(args, "--force-with-lease="+u.Branch.String()+":"+u.Lease.String())
		}
		specs = append(specs, u.New.String()+":"+u.Branch.String())
	}
	out, err := r.run(ctx, from, order{options: args, refs: specs})
	outcome := r.outcomes(out, err)
	for _, u := range updates {
		if _, told := outcome[u.Branch]; !told && err == nil {
			err = &Error{Kind: Network, URL: Redact(r.URL), Text: "git did not say what became of " + u.Branch.Short()}
		}
	}
	if len(outcome) == len(updates) {
		return outcome, nil // git's error repeats what the lines say
	}
	return outcome, err
}

// outcomes reads what git push says of each branch:
// "<flag>\t<from>:<to>\t<summary>", where the flag of what was refused is "!".
func (r *Remote) outcomes(out string, err error) map[plumbing.ReferenceName]error {
	outcome := map[plumbing.ReferenceName]error{}
	var told Error
	if e := (*Error)(nil); errors.As(err, &e) {
		told = *e
	}
	if told.Kind == Unable || told.forbidden {
		return outcome // it is not about what was pushed
	}
	for line := range strings.Lines(out) {
		parts := strings.SplitN(strings.TrimRight(line, "\n"), "\t", 3)
		if len(parts) < 3 || len(parts[0]) != 1 {
			continue
		}
		_, to, _ := strings.Cut(parts[1], ":")
		ref := plumbing.ReferenceName(to)
		if parts[0] != "!" {
			outcome[ref] = nil
			continue
		}
		if kind := rejection(parts[2]); kind != Network {
			outcome[ref] = &Error{Kind: kind, URL: Redact(r.URL), Branch: ref.Short(), Text: reason(parts[2], told.Text),
				Protected: told.Protected || protects(parts[2])}
		}
	}
	return outcome
}

// raced are the reasons for which trying again on the new tip helps.
var raced = []string{"fetch first", "non-fast-forward", "stale info", "cannot lock ref", "failed to update ref",
	"incorrect old value", "reference already exists", "failed to lock", "remote ref updated since checkout", "needs force"}

// rejection sorts the summary of a branch that was not moved.
func rejection(text string) Kind {
	if strings.Contains(text, "remote failed to report status") || strings.HasPrefix(text, "[remote failure]") {
		return Network
	}
	if !strings.HasPrefix(text, "[rejected]") && strings.Contains(text, "non-fast-forward") {
		return Refused // by the remote itself, which lets no branch be replaced
	}
	for _, reason := range raced {
		if strings.Contains(text, reason) {
			return Race
		}
	}
	return Refused
}

// reason puts together what a remote says of a push and of a branch, the
// summary, which alone often is no more than the name of a hook.
func reason(summary, said string) string {
	summary = strings.TrimPrefix(summary, "[remote rejected] ")
	if strings.HasPrefix(summary, "(") && strings.HasSuffix(summary, ")") {
		summary = summary[1 : len(summary)-1]
	}
	if said == "" || said == summary || strings.HasPrefix(said, "failed to push") {
		return summary
	}
	return said + " (" + summary + ")"
}
