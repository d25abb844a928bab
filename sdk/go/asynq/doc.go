// Package vigieasynq tells Vigie of every job that an asynq worker does, exactly:
// when it was enqueued, could have started, started and ended, and how.
//
//	mux.Use(vigieasynq.Middleware(v))                          // worker
//	asynq.Config{RetryDelayFunc: vigieasynq.RetryDelay(v, nil)} // worker: the wait of retries
//	client := vigieasynq.NewClient(v, asynqClient)              // producer: the wait of jobs
//
// The three work apart. Without the client's stamp a job's wait is not known (null,
// never 0); without RetryDelay, or where a retry runs in another process than the
// one that failed, that attempt's wait is not known.
//
// Nothing that asynq does changes: errors and panics pass through untouched, and no
// command is sent to Redis beyond asynq's own.
package vigieasynq
