// Receives deliveries of posthorn and verifies their signature. Go 1.21 or newer, standard library only.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

var (
	keys = []string{os.Getenv("QSTASH_CURRENT_SIGNING_KEY"), os.Getenv("QSTASH_NEXT_SIGNING_KEY")}
	url  = os.Getenv("RECEIVER_URL") // the exact URL that you publish to; empty: not compared
)

const maxBodyBytes = 10 << 20

type claims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Expires   int64  `json:"exp"`
	NotBefore int64  `json:"nbf"`
	Body      string `json:"body"`
}

func decode(text string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
}

// claimsOf gives the claims of a token that one of the keys has signed and that is valid now.
func claimsOf(token string) (*claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("there is no token")
	}
	var header struct{ Alg string }
	if bytes, err := decode(parts[0]); err != nil || json.Unmarshal(bytes, &header) != nil || header.Alg != "HS256" {
		return nil, errors.New("the algorithm is not HS256")
	}
	signature, err := decode(parts[2])
	isSigned := false
	for _, key := range keys {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(parts[0] + "." + parts[1]))
		isSigned = isSigned || key != "" && hmac.Equal(mac.Sum(nil), signature)
	}
	if err != nil || !isSigned {
		return nil, errors.New("the signature is wrong")
	}
	var found claims
	if bytes, err := decode(parts[1]); err != nil || json.Unmarshal(bytes, &found) != nil {
		return nil, errors.New("the claims cannot be read")
	}
	now := time.Now().Unix()
	if found.Issuer != "Upstash" || now < found.NotBefore || now >= found.Expires {
		return nil, errors.New("the token is not valid now")
	}
	if url != "" && found.Subject != url {
		return nil, errors.New("the token was made for another URL")
	}
	return &found, nil
}

func (c *claims) areOf(body []byte) bool {
	digest := sha256.Sum256(body)
	return base64.RawURLEncoding.EncodeToString(digest[:]) == strings.TrimRight(c.Body, "=")
}

func receive(writer http.ResponseWriter, request *http.Request) {
	// The token needs no body: nothing is read for a stranger.
	found, err := claimsOf(request.Header.Get("Upstash-Signature"))
	if err != nil {
		http.Error(writer, "refused: "+err.Error(), http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(writer, request.Body, maxBodyBytes))
	if err != nil {
		http.Error(writer, "refused: the body is too large", http.StatusRequestEntityTooLarge)
		return
	}
	if !found.areOf(body) {
		http.Error(writer, "refused: the body is not the signed one", http.StatusForbidden)
		return
	}
	// Your work goes here. A delivery may come twice: Upstash-Message-Id is the same then.
	fmt.Fprintf(writer, "received %s: %d bytes", request.Header.Get("Upstash-Message-Id"), len(body))
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	fmt.Println(http.ListenAndServe("127.0.0.1:"+port, http.HandlerFunc(receive)))
}
