module github.com/treaty-events/treaty

go 1.26
