// The kernel stacks of process slots: made when a slot is used for the first time, kept for the next use, and given back
// when no page is free.

import Machine
import Storage
import Synchronization
import SystemInterface

/// Where a slot's stack is.
enum KernelStackState {
    static let absent: UInt32 = 0
    /// It has pages, and no process has the slot.
    static let idle: UInt32 = 1
    static let used: UInt32 = 2
    /// Its pages are being given back.
    static let leaving: UInt32 = 3
}

enum SlotStacks {
    /// Stacks that have pages and no process.
    private static let idle = Atomic<Int>(0)
    /// The most that was on a stack before it was given back.
    private static let deepest = Atomic<UInt>(0)

    /// Makes pages of the idle ones count as free.
    static func start() {
        PageSources.add(
            count: { SlotStacks.idle.load(ordering: .relaxed) * Int(KernelStacks.size / pageSize) },
            giveBack: { SlotStacks.giveBack() })
    }

    /// Gets a stack for a slot that the caller has taken; false without memory.
    static func take(_ process: ProcessRef) -> Bool {
        while true {
            switch process.value.stackState.load(ordering: .acquiring) {
            case KernelStackState.idle:
                if change(process, from: KernelStackState.idle, to: KernelStackState.used) {
                    idle.wrappingSubtract(1, ordering: .relaxed)
                    return true
                }
            case KernelStackState.absent:
                guard KernelStacks.fill(process.value.thread.value.stackTop) else { return false }
                process.value.stackState.store(KernelStackState.used, ordering: .relaxed)
                return true
            default: spin_pause()  // another hart is giving it back, and holds no lock for that
            }
        }
    }

    /// Keeps the stack of a slot whose thread has left it for good.
    static func keep(_ process: ProcessRef) {
        guard process.value.stackState.load(ordering: .relaxed) == KernelStackState.used else { return }
        idle.wrappingAdd(1, ordering: .relaxed)
        process.value.stackState.store(KernelStackState.idle, ordering: .releasing)
    }

    /// Gives one back; false when none is idle.
    private static func giveBack() -> Bool {
        for index in 0..<Limit.processes {
            let process = ProcessTable.slot(index)
            guard process.value.stackState.load(ordering: .relaxed) == KernelStackState.idle,
                change(process, from: KernelStackState.idle, to: KernelStackState.leaving)
            else { continue }
            idle.wrappingSubtract(1, ordering: .relaxed)
            let top = process.value.thread.value.stackTop
            deepest.max(KernelStacks.depth(top: top), ordering: .relaxed)
            KernelStacks.empty(top)
            process.value.stackState.store(KernelStackState.absent, ordering: .releasing)
            return true
        }
        return false
    }

    /// The most that was ever on the stack of a process slot.
    static var greatestDepth: UInt {
        var most = deepest.load(ordering: .relaxed)
        for index in 0..<Limit.processes {
            most = max(most, KernelStacks.depth(top: ProcessTable.slot(index).value.thread.value.stackTop))
        }
        return most
    }

    private static func change(_ process: ProcessRef, from old: UInt32, to new: UInt32) -> Bool {
        process.value.stackState.compareExchange(expected: old, desired: new, ordering: .acquiring).exchanged
    }
}
