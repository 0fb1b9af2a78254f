package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// fetchBuiltIn is FetchObjects without git, into a repository that is made. What
// is not to be held, or cannot be, goes there.
func (r *Remote) fetchBuiltIn(ctx context.Context, dir string, depth Depth, branches []plumbing.ReferenceName, held bool) (tips Tips, came Objects, err error) {
	tips, came, err = r.fetchOnce(ctx, dir, depth, branches, held)
	if errors.Is(err, errNotHeld) {
		tips, came, err = r.fetchOnce(ctx, dir, depth, branches, false)
	}
	return tips, came, err
}

func (r *Remote) fetchOnce(ctx context.Context, dir string, depth Depth, branches []plumbing.ReferenceName, held bool) (tips Tips, came Objects, err error) {
	if held {
		came = Objects{}
	}
	err = r.advertisement(ctx, dir, func(ctx context.Context, c *call, s transport.UploadPackSession, adv *packp.AdvRefs) error {
		tips = advertised(adv, branches)
		wanted, err := r.wanted(tips, depth)
		if err != nil || len(wanted) == 0 {
			return err
		}
		came, err = c.fetch(ctx, s, adv, wanted, depth, dir, held)
		return err
	})
	return tips, came, err
}

// listBuiltIn is List without git.
func (r *Remote) listBuiltIn(ctx context.Context, dir string, branches []plumbing.ReferenceName) (tips Tips, err error) {
	err = r.advertisement(ctx, dir, func(_ context.Context, _ *call, _ transport.UploadPackSession, adv *packp.AdvRefs) error {
		tips = advertised(adv, branches)
		return nil
	})
	return tips, err
}

// advertisement begins to fetch and has what the remote says of itself read, if
// it is not empty.
func (r *Remote) advertisement(ctx context.Context, dir string, read func(context.Context, *call, transport.UploadPackSession, *packp.AdvRefs) error) error {
	return r.converse(ctx, dir, func(ctx context.Context, c *call) error {
		s, err := c.fetching(ctx)
		if err != nil {
			return err
		}
		defer s.Close()
		adv, err := s.AdvertisedReferencesContext(ctx)
		if errors.Is(err, transport.ErrEmptyRemoteRepository) {
			return nil
		}
		if err != nil {
			return err
		}
		return read(ctx, c, s, adv)
	})
}

// advertised are those of the branches that a remote has.
func advertised(adv *packp.AdvRefs, branches []plumbing.ReferenceName) Tips {
	tips := Tips{}
	for name, h := range adv.References {
		if slices.ContainsFunc(branches, func(ref plumbing.ReferenceName) bool { return matches(ref, name) }) {
			tips[plumbing.ReferenceName(name)] = h
		}
	}
	return tips
}

// wanted are the branches whose tips are not here yet, or may not be with all
// that is behind them.
func (r *Remote) wanted(tips Tips, depth Depth) (Tips, error) {
	wanted := Tips{}
	for branch, h := range tips {
		err := r.Repository.HasEncodedObject(h)
		if errors.Is(err, plumbing.ErrObjectNotFound) || err == nil && depth == Whole {
			wanted[branch] = h
		} else if err != nil {
			return nil, err
		}
	}
	return wanted, nil
}

// fetch asks for commits and receives them.
func (c *call) fetch(ctx context.Context, s transport.UploadPackSession, adv *packp.AdvRefs, wanted Tips, depth Depth, dir string, held bool) (came Objects, err error) {
	req := packp.NewUploadPackRequestFromCapabilities(adv.Capabilities)
	req.Capabilities.Delete(capability.ThinPack)
	req.Wants = slices.Collect(maps.Values(wanted))
	back, err := c.r.past()
	if err != nil {
		return nil, err
	}
	if err := depth.ask(req, back.shallow, adv.Capabilities); err != nil {
		return nil, err
	}
	deep := false
	if req.Haves, deep, err = haves(c.r.Repository, back, slices.Collect(maps.Keys(wanted))); err != nil {
		return nil, err
	}
	thin := held && deep && isGit(adv.Capabilities) // what is new is little, then
	if thin {
		if err := req.Capabilities.Set(capability.ThinPack); err != nil {
			return nil, err
		}
	}
	answer, err := s.UploadPack(ctx, req)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	if err := writeShallow(dir, begins(back.shallow, answer.ShallowUpdate)); err != nil {
		return nil, err
	}
	var pack io.Reader = answer
	for _, band := range []capability.Capability{capability.Sideband64k, capability.Sideband} {
		if req.Capabilities.Supports(band) {
			d := sideband.NewDemuxer(sidebands[band], answer)
			d.Progress = c.said
			pack = d
		}
	}
	if held {
		return c.hold(ctx, pack, dir, thin)
	}
	return nil, receive(ctx, filepath.Join(dir, "objects", "pack"), pack, c.r.maxBytes(), c.r.Progress)
}

// isGit tells whether a server is git itself, which knows thin packs; go-git
// does not pass on whether a server says so.
func isGit(capabilities *capability.List) bool {
	agent := capabilities.Get(capability.Agent)
	return len(agent) == 1 && strings.HasPrefix(agent[0], "git/")
}

// hold takes what comes into memory. What is too large for that goes to the
// disk after all, unless it builds on objects that are not there.
func (c *call) hold(ctx context.Context, pack io.Reader, dir string, thin bool) (Objects, error) {
	most := c.r.maxBytes()
	raw, err := io.ReadAll(io.LimitReader(pack, min(maxHeldPack, most)+1))
	if err != nil {
		return nil, err
	}
	came, err := hold(ctx, raw, c.r.Repository)
	if errors.Is(err, errNotHeld) && !thin {
		return nil, receive(ctx, filepath.Join(dir, "objects", "pack"), io.MultiReader(bytes.NewReader(raw), pack), most, c.r.Progress)
	}
	return came, err
}

var sidebands = map[capability.Capability]sideband.Type{capability.Sideband64k: sideband.Sideband64k, capability.Sideband: sideband.Sideband}

// named are the commits before a tip that are named to a remote, which may lack
// the tip, by how far back they lie: few, since a server looks around each.
var named = [...]int{0, 1, 3, 7, 15, 31, 63}

// haves names what is here of the branches that are asked for, here and as they
// were at the remote, or of all if one of them is new: a remote sends what these
// commits lack. deep tells that there is a history of some length.
func haves(s storer.Storer, back past, branches []plumbing.ReferenceName) (all []plumbing.Hash, deep bool, err error) {
	tips, err := namesakes(s, branches)
	if err != nil {
		return nil, false, err
	}
	seen := map[plumbing.Hash]bool{}
	for _, h := range tips {
		for n := 0; n <= named[len(named)-1] && !h.IsZero() && !seen[h]; n++ {
			commit, err := object.GetCommit(s, h)
			if err != nil {
				break // a ref to something else, which a remote need not know
			}
			seen[h] = true
			if slices.Contains(named[:], n) {
				all = append(all, h)
				deep = deep || n == named[len(named)-1]
			}
			h = back.parent(commit)
		}
	}
	return all, deep, nil
}

// namesakes are the tips of the refs that have a name of one of the branches, be
// it below that of a remote; of all refs if a branch has none. The histories of
// other branches have nothing that a server could leave out, and it would walk
// through them.
func namesakes(s storer.Storer, branches []plumbing.ReferenceName) (tips []plumbing.Hash, err error) {
	refs, err := s.IterReferences()
	if err != nil {
		return nil, err
	}
	var every []plumbing.Hash
	found := map[plumbing.ReferenceName]bool{}
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		every = append(every, ref.Hash())
		for _, branch := range branches {
			if strings.HasSuffix(ref.Name().String(), "/"+branch.Short()) {
				found[branch] = true
				tips = append(tips, ref.Hash())
			}
		}
		return nil
	})
	if len(found) < len(branches) {
		tips = every
	}
	return tips, err
}
