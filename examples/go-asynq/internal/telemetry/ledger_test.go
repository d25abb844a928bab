package telemetry

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"vigie.example/go-asynq/internal/ledger"
)

const jobs = 60

// The SDK's records beside the independent ledger: the programs as they are built, a
// real Redis, and a reader that follows the cursor until the worker has gone.
func TestRecordsAgreeWithTheLedger(t *testing.T) {
	dir := t.TempDir()
	url := redisServer(t, dir)
	run(t, "go", "build", "-o", dir, "vigie.example/go-asynq/cmd/api", "vigie.example/go-asynq/cmd/worker")
	address := freeAddress(t)
	worker := exec.Command(filepath.Join(dir, "worker"), "--ledger", filepath.Join(dir, "worker.jsonl"), "--vigie", address)
	worker.Env = append(os.Environ(), "REDIS_URL="+url)
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = worker.Process.Kill(); _ = worker.Wait() }()
	api := exec.Command(filepath.Join(dir, "api"), "--ledger", filepath.Join(dir, "api.jsonl"), "--jobs", strconv.Itoa(jobs), "--rate", "100", "--vigie", "127.0.0.1:0")
	api.Env = worker.Env
	if out, err := api.CombinedOutput(); err != nil {
		t.Fatalf("api: %v: %s", err, out)
	}
	// By the plan: of 20 jobs 2 fail once, 1 twice, 1 three times, 1 once for good.
	attempts := jobs + jobs/20*(2+2+2)
	records := follow(t, "http://"+address+"/api/v1/jobs", attempts)
	if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	compare(t, read(t, filepath.Join(dir, "worker.jsonl")), read(t, filepath.Join(dir, "api.jsonl")), records)
}

// record is what this test reads of a job record.
type record struct {
	ID, Queue, Type, Outcome string
	Attempt                  int
	Enqueued                 time.Time
	Started, Finished        time.Time
	Wait                     *float64 `json:"wait_seconds"`
	Run                      float64  `json:"run_seconds"`
}

func compare(t *testing.T, worker, api []ledger.Entry, records []record) {
	t.Helper()
	type key struct {
		job     string
		attempt int
	}
	starts, finishes, enqueues := map[key]ledger.Entry{}, map[key]ledger.Entry{}, map[string]ledger.Entry{}
	for _, entry := range api {
		enqueues[entry.Job] = entry
	}
	for _, entry := range worker {
		if entry.What == "start" {
			starts[key{entry.Job, entry.Attempt}] = entry
		} else {
			finishes[key{entry.Job, entry.Attempt}] = entry
		}
	}
	if len(records) != len(finishes) || len(enqueues) != jobs {
		t.Fatalf("%d records, %d finishes and %d enqueues in the ledger", len(records), len(finishes), len(enqueues))
	}
	for _, one := range records {
		start, began := starts[key{one.ID, one.Attempt}]
		finish, ended := finishes[key{one.ID, one.Attempt}]
		if !began || !ended || finish.Outcome != one.Outcome || finish.Type != one.Type || finish.Queue != one.Queue {
			t.Errorf("the ledger says %+v, the record %+v", finish, one)
		}
		// The handler's start and finish lie within the record's, to the ledger's microsecond.
		const micro = 0.002
		if ledger.Millis(one.Started) > start.T+micro || ledger.Millis(one.Finished) < finish.T-micro {
			t.Errorf("%s: %v to %v does not enclose %f to %f", one.ID, one.Started, one.Finished, start.T, finish.T)
		}
		if took := finish.T - start.T; one.Run*1e3 < took-2*micro {
			t.Errorf("%s ran %f ms, its handler %f ms", one.ID, one.Run*1e3, took)
		}
		if one.Wait == nil {
			t.Errorf("%s, attempt %d: its wait is not known", one.ID, one.Attempt)
		}
		// The stamp is made within the enqueue that the ledger times (an answer that came late included).
		if put := enqueues[one.ID]; ledger.Millis(one.Enqueued) < put.T-micro || ledger.Millis(one.Enqueued) > put.T+*put.TookMs+micro {
			t.Errorf("%s: enqueued %v, by the ledger in %f + %f", one.ID, one.Enqueued, put.T, *put.TookMs)
		}
	}
}

// follow reads the feed in small pages until it has so many records.
func follow(t *testing.T, target string, count int) (all []record) {
	t.Helper()
	next := ""
	for deadline := time.Now().Add(90 * time.Second); len(all) < count; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d records after 90 s, want %d", len(all), count)
		}
		page, err := fetch(target + "?limit=7&after=" + next)
		if err != nil {
			continue // the worker is not there yet
		}
		if page.Missed > 0 || page.Gap {
			t.Fatalf("%d records are missing", page.Missed)
		}
		all, next = append(all, page.Jobs...), page.Next
	}
	return all
}

func read(t *testing.T, path string) (entries []ledger.Entry) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		var entry ledger.Entry
		if err := json.Unmarshal(scanner.Bytes(), &entry); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	return entries
}

func redisServer(t *testing.T, dir string) (url string) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is not installed: `cargo xtask setup` installs it (Debian package redis-server)")
	}
	socket := filepath.Join(dir, "r.sock")
	server := exec.Command(program, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket})
	defer client.Close()
	for deadline := time.Now().Add(20 * time.Second); client.Ping(context.Background()).Err() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("redis-server did not answer within 20 s")
		}
	}
	return "unix://" + socket
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%s: %w: %s", program, err, out))
	}
}
