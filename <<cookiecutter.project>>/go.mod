module << cookiecutter.module >>

go 1.<< cookiecutter.go_version.split(".")[1].split("rc")[0] | int - 1 >>.0
