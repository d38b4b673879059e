package book

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// lifetimeMost is how long a token that expires may last.
const lifetimeMost = 100 * 365 * day

const day = 24 * time.Hour

// readLifetime reads how long a token lasts: seconds, or a text such as
// "720h", "90m" or "30d". 0, for ever, where it was not said or null.
func readLifetime(value json.RawMessage) (time.Duration, error) {
	if len(value) == 0 || string(value) == "null" {
		return 0, nil
	}
	text := string(value)
	var quoted string
	if json.Unmarshal(value, &quoted) == nil {
		text = quoted
	}
	lasts, ok := lifetime(text)
	if !ok || lasts < time.Second || lasts > lifetimeMost {
		return 0, malformed(`expires: may be seconds, or a text such as "720h" or "30d", from a second to 100 years, or null for never; not %s`, shown(text))
	}
	return lasts, nil
}

func lifetime(text string) (time.Duration, bool) {
	unit, count := time.Second, text
	if days, ok := strings.CutSuffix(text, "d"); ok {
		unit, count = day, days
	}
	if n, err := strconv.ParseUint(count, 10, 40); err == nil {
		return time.Duration(n) * unit, n <= uint64(lifetimeMost/unit)
	}
	lasts, err := time.ParseDuration(text)
	return lasts, err == nil
}
