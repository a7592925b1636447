import Machine
@c(kernel_main) func kernelMain() { while read_time() < 100 {} }
