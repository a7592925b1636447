// The harts as the kernel's lowest layer knows them: one structure each, found through the tp register.

import Machine
import Storage
import Synchronization

/// Harts that the kernel uses; more than this stay asleep.
let maximumHarts = 8

/// This hart's structure. Read anew after anything that may switch threads: a thread may come back on another hart.
@inline(__always)
// tp holds its address from boot.S on, and it stays for ever
var thisHart: Ref<hart> { unsafe Ref(unsafe: this_hart()) }

enum Harts {
    private static let table = BootTable<hart>()
    private static let sstc = Atomic<Bool>(false)

    /// Takes over the harts' structures, the boot hart's first. Once, during start-up.
    /// - Parameter hasSstc: every hart sets its timer without firmware.
    static func start(_ harts: Table<hart>, hasSstc: Bool) {
        table.install(harts)
        sstc.store(hasSstc, ordering: .relaxed)
        unsafe set_hart_table(harts.elements, UInt64(harts.count))  // boot.S reads it for harts that start late
        unsafe set_this_hart(harts.elements)
    }

    static var count: Int { table.count }

    /// Hart number `index`, from 0 up to `count`.
    static func hart(_ index: Int) -> Ref<hart> { table.ref(index) }

    /// Sends hart number `index` a software interrupt: it looks at its run queue.
    static func interrupt(_ index: Int) { Firmware.interrupt(hart: table[index].id) }

    /// Sends every other hart a software interrupt.
    static func interruptOthers() {
        let own = Int(thisHart.value.index)
        for index in 0..<count where index != own { interrupt(index) }
    }

    /// Sets this hart's timer (timebase ticks; .max: never).
    static func setTimer(_ deadline: UInt64) {
        if sstc.load(ordering: .relaxed) { write_stimecmp(deadline) } else { Firmware.setTimer(deadline) }
    }
}
