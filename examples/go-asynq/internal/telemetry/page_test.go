package telemetry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// page is a page of job records, as far as the tests read it.
type page struct {
	Next   string
	Gap    bool
	Missed int
	Jobs   []record
}

func fetch(target string) (page, error) {
	var found page
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(target)
	if err != nil {
		return found, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return found, fmt.Errorf("%s: %s", target, answer.Status)
	}
	return found, json.NewDecoder(answer.Body).Decode(&found)
}
