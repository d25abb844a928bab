// The promql-oracle answers PromQL queries with Prometheus's own engine, so that Vigie's can be compared with it.
//
// It reads one JSON object a line from its standard input and writes one a line to its standard output, in order:
//
//	{"load": [SERIES, …]}                                       → {"loaded": number of series}; replaces what was there
//	{"query": "up", "time": 60000}                              → an ANSWER at one time
//	{"query": "up", "start": 0, "end": 60000, "step": 15000}    → an ANSWER at each step
//	{"functions": true}                                         → {"functions": {"rate": {"arguments": ["matrix"], …}, …}}
//
// All times are milliseconds since the Unix epoch. Floats are texts, so that NaN and infinities have a form: what
// strconv writes, or "stale" for the staleness marker. See wire.go for SERIES and ANSWER.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "promql-oracle:", err)
		os.Exit(1)
	}
}

// serve answers each line until the input ends. A line that is no request ends it: whoever asks is a test.
func serve(in io.Reader, out io.Writer) error {
	lines, answers := bufio.NewReaderSize(in, 1<<20), bufio.NewWriter(out)
	oracle := newOracle()
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			return fmt.Errorf("%w in %.200s", err, line)
		}
		answer, err := oracle.answer(asked)
		if err != nil {
			return err
		}
		text, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		if _, err := answers.Write(append(text, '\n')); err != nil {
			return err
		}
		if err := answers.Flush(); err != nil {
			return err
		}
	}
}
