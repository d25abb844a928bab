// Command log-clients logs with the official client libraries, as a program that uses them does. It takes the client's name and a
// server's URL, reads what to log from its input, one JSON object a line, and hands all of it over before it ends.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// entry is what there is to log.
type entry struct {
	Time    time.Time `json:"time"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
	Queue   string    `json:"queue"`
	Job     string    `json:"job"`
	Number  int       `json:"number"`
}

// The service whose log it is.
const (
	service = "shop"
	host    = "web-1"
)

// client is a library at work.
type client interface {
	log(context.Context, entry) error
	// close hands over what is still held back.
	close(context.Context) error
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: log-clients elasticsearch|elasticsearch-documents|opentelemetry URL")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(name, url string) error {
	ctx := context.Background()
	client, err := open(ctx, name, url)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var one entry
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return fmt.Errorf("%q: %w", lines.Text(), err)
		}
		if err := client.log(ctx, one); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return client.close(ctx)
}

func open(ctx context.Context, name, url string) (client, error) {
	switch name {
	case "elasticsearch":
		return newElastic(url)
	case "elasticsearch-documents":
		return newOneByOne(url)
	case "opentelemetry":
		return newTelemetry(ctx, url)
	default:
		return nil, fmt.Errorf("there is no client called %q", name)
	}
}
