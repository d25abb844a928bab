module vigie.example/vigie/contract

go 1.26

require (
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	vigie.example/vigie v0.0.0
)

require golang.org/x/text v0.14.0 // indirect

replace vigie.example/vigie => ../
