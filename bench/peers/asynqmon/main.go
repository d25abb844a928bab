// Command asynqmon serves the dashboard of asynqmon, as its library offers it, for comparison.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"
)

func main() {
	redis, err := asynq.ParseRedisURI(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatalf("REDIS_URL: %v", err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), asynqmon.New(asynqmon.Options{RedisConnOpt: redis})))
}
