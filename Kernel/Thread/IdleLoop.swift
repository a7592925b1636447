// What a hart does when no thread is runnable: it sleeps until an interrupt, and looks for work first and last.

import Machine
import Storage
import Synchronization

extension Scheduler {
    /// What a hart does when nothing is runnable.
    static func idleLoop() -> Never {
        let own = UInt32(1) << UInt32(thisHart.value.index)
        let thread = currentThread
        while true {
            _ = interrupts_disable()
            if let next = takeOwn() ?? steal() {
                next.value.state.store(ThreadState.running, ordering: .relaxed)
                here.value.needsYield = false
                endSearch()
                switchTo(next, from: thread, here)
                continue
            }
            endSearch()
            idle.bitwiseOr(own, ordering: .sequentiallyConsistent)
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            if !anyQueued {
                let before = read_instret()
                wait_for_interrupt()
                here.value.idleInstructions &+= read_instret() &- before
            }
            idle.bitwiseAnd(~own, ordering: .sequentiallyConsistent)
            // wfi returned for an interrupt that is still pending: take it now.
            interrupts_enable()
        }
    }
}
