module github.com/treaty-events/treaty/bench

go 1.26
