// Every trap: from user mode (system calls, faults, interrupts) and from the kernel (interrupts, and what must not
// happen). trap.S enters here with interrupts off.

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

/// A copy to or from user memory met a page that is absent or shared (Kernel/Memory/UserMemory.swift).
@c(serve_user_fault) func serveUserFault(address: UInt64, isWrite: UInt64) -> UInt64 {
    do throws(SystemError) {
        try current.value.space!.serveFault(at: address.uint, isWrite == 0 ? .read : .write)
        return 1
    } catch {
        return 0
    }
}

/// A trap from the kernel.
@c(kernel_trap) func kernelTrap(_ place: UnsafeMutablePointer<trap_frame>) {
    let frame = unsafe Ref(unsafe: place)  // on this stack, until the trap returns
    let cause = frame.value.scause
    if cause & TrapCause.interrupt != 0 {
        serveInterrupt(cause, frame)
    } else {
        PanicReport.write(cause == TrapCause.illegalInstruction ? "a Swift check failed" : "trap in the kernel", frame)
    }
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
        Scheduler.wakeInterrupt()
        LoadedTable.leaveIfWanted(isBorrowed: currentThread.value.borrowsTables)
    case TrapCause.externalInterrupt:
        DeviceInterrupts.serve()
    default:
        PanicReport.write("unexpected interrupt", frame)
    }
}
