package event

import (
	"strings"
	"testing"
)

func TestCompactPayload(t *testing.T) {
	for in, want := range map[string]string{
		`{"commit":"abc123"}`:                            `{"commit":"abc123"}`,
		" [ 1 , 2.50 ,\n-0 , 1E5, 0.10 ] ":               `[1,2.50,-0,1E5,0.10]`,
		`{ "b" : { } , "a" : [ ] , "c" : [ { } , [ ] ]}`: `{"b":{},"a":[],"c":[{},[]]}`,
		`"\/\u0041\ud83d\ude00\u00e9\n\u001B"`:           `"/A😀é\n\u001b"`,
		"\"\u2028\u007f\"":                               `"\u2028\u007f"`,
		`null`:                                           `null`,
		` true`:                                          `true`,
		`"<<"`:                                           `"<<"`,
		`{"<<":{"a":1},"null":null,"":0,"~":"~"}`:        `{"<<":{"a":1},"null":null,"":0,"~":"~"}`,
		`{"a":"b, c: d # e","f":"- g"}`:                  `{"a":"b, c: d # e","f":"- g"}`,
		`12345678901234567890123`:                        `12345678901234567890123`,
		`"\\\""`:                                         `"\\\""`,
	} {
		got, err := CompactPayload([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
			continue
		}
		e := message(t)
		e.Payload = got
		roundTrip(t, e)
	}
}

func TestCompactPayloadRefuses(t *testing.T) {
	for in, want := range map[string]string{
		``:                          "is not valid JSON",
		`{`:                         "is not valid JSON",
		`{a: 1}`:                    "is not valid JSON",
		`[1,]`:                      "is not valid JSON",
		`1 2`:                       "is not valid JSON",
		`NaN`:                       "is not valid JSON",
		"\"a\nb\"":                  "is not valid JSON",
		"\"\xff\"":                  "is not valid UTF-8",
		`{"a":1,"b":{"c":1,"c":2}}`: `has the key "c" twice`,
		`{"a":1,"\u0061":2}`:        `has the key "a" twice`,
		`"\ud800"`:                  "holds half of a surrogate pair",
		`"\udc00\ud800"`:            "holds half of a surrogate pair",
		`"\ud800\u0041"`:            "holds half of a surrogate pair",
		`1e400`:                     `holds the number "1e400", which is out of range`,
		`[-1e400]`:                  "which is out of range",
		strings.Repeat("[", 101) + strings.Repeat("]", 101):     "is nested deeper than 100 levels",
		strings.Repeat("[", 20000) + strings.Repeat("]", 20000): "is not valid JSON",
		`"` + strings.Repeat("a", MaxPayload-1) + `"`:           "is larger than 32 KiB",
		strings.Repeat(" ", 9*MaxPayload) + "1":                 "is larger than 32 KiB",
		`{"` + strings.Repeat("k", 999) + `":1}`:                "has a key longer than 1000 bytes",
	} {
		_, err := CompactPayload([]byte(in))
		wantError(t, err, want)
	}
}

func TestCompactPayloadAtTheLimits(t *testing.T) {
	for _, in := range []string{
		`"` + strings.Repeat("a", MaxPayload-2) + `"`,
		`"` + strings.Repeat(`\u0041`, 20000) + `"`,
		strings.Repeat("[", 100) + strings.Repeat("]", 100),
		strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
		`{"` + strings.Repeat("k", 998) + `":1}`,
		`[` + strings.Repeat(`"a",`, 8000) + `1]`,
	} {
		got, err := CompactPayload([]byte(in))
		if err != nil {
			t.Errorf("%.40s: %v", in, err)
			continue
		}
		e := message(t)
		e.Payload = got
		roundTrip(t, e)
	}
}
