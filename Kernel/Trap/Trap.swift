// Every trap: from user mode (system calls, faults, interrupts) and from the kernel (interrupts, faults in copies to and from
// user memory, and what must not happen). trap.S enters here with interrupts off.

import Machine
import Synchronization
import SystemInterface

/// scause values (privileged specification, table "Supervisor cause register values").
enum TrapCause {
    static let illegalInstruction: UInt64 = 2
    static let breakpoint: UInt64 = 3
    static let userEnvironmentCall: UInt64 = 8
    static let instructionPageFault: UInt64 = 12
    static let loadPageFault: UInt64 = 13
    static let storePageFault: UInt64 = 15
    static let interrupt: UInt64 = 1 << 63
    static let softwareInterrupt: UInt64 = interrupt | 1
    static let timerInterrupt: UInt64 = interrupt | 5
    static let externalInterrupt: UInt64 = interrupt | 9

    static func name(_ cause: UInt64) -> StaticString {
        switch cause {
        case 0: "instruction address misaligned"
        case 1: "instruction access fault"
        case 2: "illegal instruction"
        case 3: "breakpoint"
        case 4: "load address misaligned"
        case 5: "load access fault"
        case 6: "store address misaligned"
        case 7: "store access fault"
        case 8: "environment call from user mode"
        case 9: "environment call from supervisor mode"
        case 12: "instruction page fault"
        case 13: "load page fault"
        case 15: "store page fault"
        default: cause & interrupt != 0 ? "interrupt without a handler" : "reserved cause"
        }
    }

    /// What a page fault wanted; nil for any other cause.
    static func access(_ cause: UInt64) -> Access? {
        switch cause {
        case instructionPageFault: .execute
        case loadPageFault: .read
        case storePageFault: .write
        default: nil
        }
    }
}

/// A trap from user mode. The frame is the running process's; on return trap.S goes back to user mode with it.
@c(user_trap) func userTrap(_ frame: UnsafeMutablePointer<trap_frame>) {
    let cause = read_scause()
    if cause == TrapCause.userEnvironmentCall {
        frame.pointee.sepc += 4
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

/// What may keep a thread from going back to user mode: it was killed, or its turn is over. Interrupts are off, before and after.
@inline(__always)
func returnToUserChecks() {
    if current.pointee.killed.load(ordering: .relaxed) || Scheduler.here.pointee.needsYield { stayInKernel() }
}

/// The seldom case of it.
@inline(never)
private func stayInKernel() {
    while true {
        if current.pointee.killed.load(ordering: .relaxed) {
            interrupts_enable()
            Family.exit(status: -1)
        }
        guard Scheduler.here.pointee.needsYield else { return }
        Scheduler.yield()
    }
}

private func serveUserFault(_ cause: UInt64, _ address: UInt64, _ frame: UnsafeMutablePointer<trap_frame>) {
    let process = current
    if let access = TrapCause.access(cause) {
        do throws(SystemError) {
            try process.pointee.space!.serveFault(at: address.uint, access)
            return
        } catch {}
    }
    kprint("usertrap(): unexpected scause \(hex: cause) pid=\(process.pointee.pid)\n            sepc=\(hex: frame.pointee.sepc) stval=\(hex: address)\n")
    process.pointee.killed.store(true, ordering: .relaxed)
}

/// A trap from the kernel.
@c(kernel_trap) func kernelTrap(_ frame: UnsafeMutablePointer<trap_frame>) {
    let cause = frame.pointee.scause
    if cause & TrapCause.interrupt != 0 {
        serveInterrupt(cause, frame)
    } else if !serveUserCopyFault(cause, frame) {
        Panic.report(cause == TrapCause.illegalInstruction ? "a Swift check failed" : "trap in the kernel", frame)
    }
}

/// A copy to or from user memory faulted: serves the page, or sends the copy to its end. False if it was something else.
private func serveUserCopyFault(_ cause: UInt64, _ frame: UnsafeMutablePointer<trap_frame>) -> Bool {
    let at = frame.pointee.sepc
    guard let access = TrapCause.access(cause), access != .execute,
        at >= address_of_user_copy_words(), at < address_of_user_copy_end(),
        frame.pointee.stval < UInt64(userLimit)
    else { return false }
    do throws(SystemError) {
        try current.pointee.space!.serveFault(at: frame.pointee.stval.uint, access)
    } catch {
        if at < address_of_user_copy_bytes() {
            frame.pointee.sepc = address_of_user_copy_retry()
        } else if at < address_of_user_copy_string() {
            frame.pointee.sepc = address_of_user_copy_failed()
        } else {
            frame.pointee.sepc = address_of_user_string_failed()
        }
    }
    return true
}

/// The stack's guard page was hit; trap.S has moved to another stack.
@c(kernel_stack_overflow) func kernelStackOverflow(_ frame: UnsafeMutablePointer<trap_frame>) {
    Panic.report("kernel stack overflow", frame)
}

private func serveInterrupt(_ cause: UInt64, _ frame: UnsafeMutablePointer<trap_frame>?) {
    switch cause {
    case TrapCause.timerInterrupt:
        TimerQueue.expire()
    case TrapCause.softwareInterrupt:
        clear_software_interrupt()
        Panic.stopIfPanicking()
    case TrapCause.externalInterrupt:
        Interrupts.serve()
    default:
        Panic.report("unexpected interrupt", frame)
    }
}
