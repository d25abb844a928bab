module vigie.example/vigie

go 1.26
