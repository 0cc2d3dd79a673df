package redis_test

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/redis"
)

func Example() {
	server, err := miniredis.Run() // or the address of a Redis
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := goredis.NewClient(&goredis.Options{Addr: server.Addr()})
	defer client.Close()

	ctx := context.Background()
	s, err := redis.Open(ctx, client, redis.Window(24*time.Hour))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	id := store.Identity{Group: "billing", Key: "/orders\t4711"}
	state, _ := s.Claim(ctx, id)
	fmt.Println(state)
	_ = s.Done(ctx, id)
	state, _ = s.Claim(ctx, id)
	fmt.Println(state)
	// Output:
	// claimed
	// done
}
