package index

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Text is compared word by word. Words are cut here, and SQLite's ascii
// tokenizer does no more than cut at the spaces between them: a walk through
// the tree, which has no SQLite, finds exactly what a search in the index
// finds, and cutting in SQLite would take twice the time.

// maxWord is how many bytes of a word count.
const maxWord = 64

// Classes of characters.
type class byte

const (
	gap    class = iota // between words
	joined              // part of a word
	single              // a word of its own: scripts without spaces, emoji
	silent              // not there
)

// asciiWord holds the folded form of the ASCII characters that words are made
// of, 0 for the others.
var asciiWord = func() (table [utf8.RuneSelf]byte) {
	for c := range table {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z':
			table[c] = byte(c)
		case c >= 'A' && c <= 'Z':
			table[c] = byte(c) + 'a' - 'A'
		}
	}
	return table
}()

func classOf(r rune) class {
	switch {
	case r == utf8.RuneError, r == '\u200b':
		return gap
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r):
		return silent
	case r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar), unicode.Is(unicode.So, r):
		return single
	case unicode.IsLetter(r), unicode.IsNumber(r), unicode.IsMark(r):
		return joined
	}
	return gap
}

// foldRune maps all characters that differ by case only to the same one, as
// strings.EqualFold sees them.
func foldRune(r rune) rune {
	least := r
	for c := unicode.SimpleFold(r); c != r; c = unicode.SimpleFold(c) {
		least = min(least, c)
	}
	if least >= 'A' && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

// word is one word of a text, folded, and where it stands there.
type word struct {
	text       []byte // used again for the next word
	start, end int
}

// words calls yield for each word of text, until it returns false.
func words(text []byte, yield func(word) bool) {
	var w word
	flush := func() bool {
		if len(w.text) == 0 {
			return true
		}
		more := yield(w)
		w.text = w.text[:0]
		return more
	}
	for i := 0; i < len(text); {
		r, size, class := rune(text[i]), 1, gap
		if r < utf8.RuneSelf {
			if c := asciiWord[r]; c != 0 {
				r, class = rune(c), joined
			}
		} else {
			r, size = utf8.DecodeRune(text[i:])
			if class = classOf(r); class == joined || class == single {
				r = foldRune(r)
			}
		}
		if class == gap || class == single {
			if !flush() {
				return
			}
		}
		if class == joined || class == single {
			w.grow(r, i, i+size)
		}
		if class == single && !flush() {
			return
		}
		i += size
	}
	flush()
}

func (w *word) grow(r rune, start, end int) {
	if len(w.text) == 0 {
		w.start = start
	}
	w.end = end
	if len(w.text)+utf8.RuneLen(r) <= maxWord {
		w.text = utf8.AppendRune(w.text, r)
	}
}

// plain appends the words of text to dst, a space behind each.
func plain(dst, text []byte) []byte {
	words(text, func(w word) bool {
		dst = append(append(dst, w.text...), ' ')
		return true
	})
	return dst
}

// A message's document is what is said about it in the table words: a space,
// then with a space behind each
//
//	the words of the title,
//	"*", which every message has,
//	t:project/thread p:project f:sender o:recipient… g:tag…,
//	the words of the body,
//	and "=word" for each word that is prominent.
//
// The words with a mark stand between title and body, so that no phrase
// reaches from one into the other.

const (
	anyWord       = "*"
	threadMark    = "t:"
	projectMark   = "p:"
	fromMark      = "f:"
	toMark        = "o:"
	tagMark       = "g:"
	prominentMark = '='
)

// A word is prominent if it stands in the title, or in the body as often as
// leastProminent and as one word in prominentShare.
const (
	leastProminent = 3
	prominentShare = 200
)

// prominence counts words.
type prominence struct {
	counts map[string]int
	total  int
}

func (p *prominence) reset() {
	if p.counts == nil || len(p.counts) > 4096 {
		p.counts = make(map[string]int)
	}
	clear(p.counts)
	p.total = 0
}

// title counts a word of the title as often as makes it prominent.
func (p *prominence) title(text []byte) {
	words(text, func(w word) bool {
		p.counts[string(w.text)] = 1 << 30
		return true
	})
}

// body counts the words in what plain has made of a body.
func (p *prominence) body(text []byte) {
	for len(text) > 0 {
		end := bytes.IndexByte(text, ' ')
		p.counts[string(text[:end])]++
		p.total++
		text = text[end+1:]
	}
}

// append appends the prominent words, marked, in any order.
func (p *prominence) append(dst []byte) []byte {
	least := max(leastProminent, p.total/prominentShare)
	for text, n := range p.counts {
		if n >= least {
			dst = append(append(append(dst, prominentMark), text...), ' ')
		}
	}
	return dst
}

// tagWord is a tag as a word of a document: the same for tags that differ in
// case only. What is no letter, digit or mark is written in hexadecimal.
func tagWord(tag string) string {
	const digits = "0123456789abcdef"
	word := []byte(tagMark)
	for _, r := range tag {
		switch r = foldRune(r); {
		case r >= utf8.RuneSelf:
			word = utf8.AppendRune(word, r)
		case asciiWord[r] != 0:
			word = append(word, byte(r))
		default:
			word = append(word, '.', digits[r>>4], digits[r&15])
		}
	}
	return string(word)
}
