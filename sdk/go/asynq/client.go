package vigieasynq

import (
	"context"
	"maps"
	"reflect"
	"time"

	"github.com/hibiken/asynq"
	vigie "vigie.example/vigie"
)

// Client enqueues through an asynq.Client, stamps each task with when it was enqueued
// and from when on it can start (Header), and counts it.
type Client struct {
	recorder *vigie.Recorder
	client   *asynq.Client
}

// NewClient wraps client. With a nil recorder tasks are stamped all the same, so that
// their workers know their wait; they are only not counted here.
func NewClient(v *vigie.Recorder, client *asynq.Client) *Client {
	return &Client{recorder: v, client: client}
}

// Enqueue is EnqueueContext without a context.
func (c *Client) Enqueue(task *asynq.Task, opts ...asynq.Option) (*asynq.TaskInfo, error) {
	return c.EnqueueContext(context.Background(), task, opts...)
}

// EnqueueContext is asynq.Client.EnqueueContext with a stamp; the caller's task stays
// as it is. Give options here: asynq lets nobody read those given to asynq.NewTask, so
// a task that has some is enqueued unstamped, and its wait is not known.
func (c *Client) EnqueueContext(ctx context.Context, task *asynq.Task, opts ...asynq.Option) (*asynq.TaskInfo, error) {
	if task != nil && !hasOptions(task) {
		task, opts = stamped(task, opts, time.Now())
	}
	info, err := c.client.EnqueueContext(ctx, task, opts...)
	if err == nil {
		c.recorder.JobEnqueued(info.Queue, info.Type)
	}
	return info, err
}

// stamped returns a copy of the task with a stamp, and options that say when to
// process it as the absolute time that the stamp has.
func stamped(task *asynq.Task, opts []asynq.Option, now time.Time) (*asynq.Task, []asynq.Option) {
	var at time.Time
	group := false
	for _, option := range opts {
		switch option.Type() {
		case asynq.ProcessAtOpt:
			at, _ = option.Value().(time.Time)
		case asynq.ProcessInOpt:
			if in, ok := option.Value().(time.Duration); ok {
				at = now.Add(in)
			}
		case asynq.GroupOpt:
			group = true
		}
	}
	eligible := dueAt(at, now)
	if group {
		// A group's tasks become another task, when asynq finds it time.
		eligible = time.Time{}
	}
	if !at.IsZero() {
		opts = append(opts[:len(opts):len(opts)], asynq.ProcessAt(at))
	}
	headers := maps.Clone(task.Headers())
	if headers == nil {
		headers = make(map[string]string, 1)
	}
	headers[Header] = newStamp(now, eligible)
	return asynq.NewTaskWithHeaders(task.Type(), task.Payload(), headers), opts
}

// hasOptions says whether the task carries options of its own, which a copy would
// lose. Where this cannot be seen (another asynq) it may.
func hasOptions(task *asynq.Task) bool {
	options := reflect.ValueOf(task).Elem().FieldByName("opts")
	return !options.IsValid() || options.Kind() != reflect.Slice || options.Len() > 0
}
