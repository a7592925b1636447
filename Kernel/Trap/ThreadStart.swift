// The first Swift code of a thread, and a process's way to user mode for the first time.

import Machine
import Storage

/// thread_start comes here on the new thread's stack. Interrupts are off.
@c(thread_main) func threadMain() {
    Scheduler.finishSwitch()
    let thread = currentThread
    if let main = thread.value.main {
        interrupts_enable()
        main()
        if thread.value.isKernelThread { panic("a kernel thread came to its end") }
        thread.value.main = nil
        _ = interrupts_disable()
    }
    returnToUserChecks()
    unsafe return_to_user(&thread.value.frame.value)  // the frame stays at the top of this stack
}
