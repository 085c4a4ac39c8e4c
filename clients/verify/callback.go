// Package darkroom reads callbacks of Darkroom: whether one is authentic, and whether it is new.
package darkroom

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const tolerance = 5 * time.Minute

// Verdict says what to do with a callback.
type Verdict string

// Answer New and Repeated with 204, Refused with 401.
const (
	New      Verdict = "new"
	Repeated Verdict = "repeated"
	Refused  Verdict = "refused"
)

// ReadCallback tells what to do with a callback. The secret is the webhook secret of your service,
// whsec_…; the body is the bytes as they came, before they are parsed; remember stores an id, and
// gives false if it was known. An error is one of remember, or of a secret that is not base64.
func ReadCallback(
	secret string, headers http.Header, body []byte, remember func(id string) (bool, error),
) (Verdict, error) {
	id, given := headers.Get("webhook-id"), headers.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(given, 10, 64)
	if err != nil || id == "" {
		return Refused, nil
	}
	if age := time.Since(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return Refused, nil
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return Refused, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + given + "."))
	mac.Write(body)
	expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	// every signature is compared, each in constant time: two are sent while a secret is rotated
	authentic := false
	for _, each := range strings.Split(headers.Get("webhook-signature"), " ") {
		authentic = hmac.Equal([]byte(each), expected) || authentic
	}
	if !authentic {
		return Refused, nil
	}
	fresh, err := remember(id)
	if err != nil {
		return Refused, err
	}
	if !fresh {
		return Repeated, nil
	}
	return New, nil
}
