package gitstore

// Limits of a page.
const (
	defaultLimit = 20
	maxLimit     = 1000
)

func pageSize(limit int) int {
	if limit <= 0 {
		return defaultLimit
	}
	return min(limit, maxLimit)
}
