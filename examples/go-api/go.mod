module vigie.example/go-api

go 1.26

require vigie.example/vigie v0.0.0

replace vigie.example/vigie => ../../sdk/go
