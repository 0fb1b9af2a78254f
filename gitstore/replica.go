package gitstore

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Stores that share a remote are replicas of each other. Each has an id, by
// which it names a branch of its own where it needs one.

// identity says which replica a store is. A store that was copied as files
// would be a second one of the same id, so the id holds only for the machine
// and the directory for which it was made.
type identity struct {
	ID      string `json:"id"`
	Machine string `json:"machine"`
	Inode   string `json:"inode"` // of the state directory
}

func (s *Store) replicaPath() string { return filepath.Join(s.db.StateDir(), "replica") }

// replicaID returns the store's id, and makes one if it has none or if it was
// copied from elsewhere. Whoever calls it holds the sync lock.
func (s *Store) replicaID() (string, error) {
	here, err := s.here()
	if err != nil {
		return "", err
	}
	var was identity
	text, err := os.ReadFile(s.replicaPath())
	if err == nil && json.Unmarshal(text, &was) == nil && was.ID != "" {
		if here.ID = was.ID; here == was {
			return was.ID, nil
		}
		s.log.Warn("this store was copied or moved here from elsewhere; it goes on as a replica of its own", "was", was.ID, "store", s.dir)
	}
	return s.newReplicaID()
}

// here is an identity that has no id yet.
func (s *Store) here() (identity, error) {
	inode, err := inodeOf(s.db.StateDir())
	if err != nil {
		return identity{}, fmt.Errorf("tell this store from a copy of it: %w", err)
	}
	return identity{Machine: machineID(), Inode: inode}, nil
}

// newReplicaID gives the store another id.
func (s *Store) newReplicaID() (string, error) {
	here, err := s.here()
	if err != nil {
		return "", err
	}
	id, err := s.clock.Next()
	if err != nil {
		return "", err
	}
	here.ID = id.Short()
	return here.ID, s.writeReplica(here)
}

func (s *Store) writeReplica(is identity) error {
	text, err := json.Marshal(is)
	if err == nil {
		err = writeWhole(s.replicaPath(), text)
	}
	if err != nil {
		return fmt.Errorf("note which replica this store is: %w", err)
	}
	return nil
}

// writeWhole writes a file of the state directory, of which readers see the
// old text or the new one.
func writeWhole(path string, text []byte) error {
	temp := path + ".tmp"
	if err := os.WriteFile(temp, text, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
