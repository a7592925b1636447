// Every trap: from user mode (system calls, faults, interrupts) and from the kernel (interrupts, faults in copies to
// and from user memory, and what must not happen). trap.S enters here with interrupts off.

import Machine
import Storage
import Synchronization
import SystemInterface

/// A trap from user mode. The frame is the running process's; on return trap.S goes back to user mode with it.
@c(user_trap) func userTrap(_ place: UnsafeMutablePointer<trap_frame>) {
    let frame = unsafe Ref(unsafe: place)  // at the top of the process's kernel stack
    let cause = read_scause()
    if cause == TrapCause.userEnvironmentCall {
        frame.value.sepc += 4
        interrupts_enable()
        SystemCall.dispatch(frame)
        _ = interrupts_disable()
    } else if cause & TrapCause.interrupt != 0 {
        serveInterrupt(cause, nil)
    } else {
        let address = read_stval()
        interrupts_enable()
        serveUserFault(cause, address, frame)
        _ = interrupts_disable()
    }
    returnToUserChecks()
}

/// What may keep a thread from going back to user mode: it was killed, or its turn is over. Interrupts are off, before
/// and after.
@inline(__always)
func returnToUserChecks() {
    if currentThread.value.killed.load(ordering: .relaxed) || Scheduler.here.value.needsYield { stayInKernel() }
}

/// The slow path of `returnToUserChecks`.
@inline(never)
private func stayInKernel() {
    while true {
        if currentThread.value.killed.load(ordering: .relaxed) {
            interrupts_enable()
            ExitAndWait.exitKilled()
        }
        guard Scheduler.here.value.needsYield else { return }
        Scheduler.yield()
    }
}

private func serveUserFault(_ cause: UInt64, _ address: UInt64, _ frame: Ref<trap_frame>) {
    let process = current
    if let access = TrapCause.access(cause) {
        var isServed = false
        while !isServed {
            do throws(SystemError) {
                try process.value.space!.serveFault(at: address.uint, access)
                isServed = true
            } catch {
                guard error == .noMemory else { break }
                if OutOfMemory.makeRoom() { continue }
                if process.value.thread.value.killed.load(ordering: .relaxed) { return }
                break
            }
        }
        process.noteMemory()
        if isServed { return }
    }
    process.report(
        "usertrap(): unexpected scause \(hex: cause) pid=\(process.pid)\n            sepc=\(hex: frame.value.sepc) stval=\(hex: address)\n"
    )
    if pageFloor(address.uint) == process.value.space!.guardPage {
        process.report("\(process.pid) \(process.value.thread.value.name): the stack is full\n")
    }
    process.markKilled(.fault)
}

/// A trap from the kernel.
@c(kernel_trap) func kernelTrap(_ place: UnsafeMutablePointer<trap_frame>) {
    let frame = unsafe Ref(unsafe: place)  // on this stack, until the trap returns
    let cause = frame.value.scause
    if cause & TrapCause.interrupt != 0 {
        serveInterrupt(cause, frame)
    } else if !serveUserCopyFault(cause, frame) {
        PanicReport.write(cause == TrapCause.illegalInstruction ? "a Swift check failed" : "trap in the kernel", frame)
    }
}

/// A copy to or from user memory faulted: serves the page, or sends the copy to its end. False if it was something
/// else.
private func serveUserCopyFault(_ cause: UInt64, _ frame: Ref<trap_frame>) -> Bool {
    let at = frame.value.sepc
    guard let access = TrapCause.access(cause), access != .execute,
        at >= address_of_user_copy_words(), at < address_of_user_copy_end(),
        frame.value.stval < UInt64(userLimit)
    else { return false }
    do throws(SystemError) {
        try current.value.space!.serveFault(at: frame.value.stval.uint, access)
    } catch {
        if at < address_of_user_copy_bytes() {
            frame.value.sepc = address_of_user_copy_retry()
        } else if at < address_of_user_copy_string() {
            frame.value.sepc = address_of_user_copy_failed()
        } else {
            frame.value.sepc = address_of_user_string_failed()
        }
    }
    return true
}

/// The stack's guard page was hit; trap.S has moved to another stack.
@c(kernel_stack_overflow) func kernelStackOverflow(_ place: UnsafeMutablePointer<trap_frame>) {
    PanicReport.write("kernel stack overflow", unsafe Ref(unsafe: place))  // on the emergency stack
}

private func serveInterrupt(_ cause: UInt64, _ frame: Ref<trap_frame>?) {
    switch cause {
    case TrapCause.timerInterrupt:
        SleepTimers.expire()
    case TrapCause.softwareInterrupt:
        clear_software_interrupt()
        PanicReport.stopIfPanicking()
    case TrapCause.externalInterrupt:
        DeviceInterrupts.serve()
    default:
        PanicReport.write("unexpected interrupt", frame)
    }
}
