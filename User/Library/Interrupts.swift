// ^C, for programs that want to say something before they end: a sleeping call then throws `interrupted`, and the
// program looks here.

public import SystemInterface
import UserMachine

// A program has one thread.
nonisolated(unsafe) private var interruptMode = InterruptMode.ends
nonisolated(unsafe) private var wasInterrupted = false

public enum Interrupts {
    /// From now on ^C is told: sleeping calls throw `interrupted` until `came` is asked. With mode `tells` another ^C
    /// before that ends the program.
    public static func handle(_ mode: InterruptMode) {
        unsafe interruptMode = mode  // a program has one thread
        note()
    }

    /// Whether a ^C came since this was asked last. Sleeping calls sleep again.
    public static func came() -> Bool {
        note()
        defer { unsafe wasInterrupted = false }  // a program has one thread
        return unsafe wasInterrupted
    }

    /// Takes a ^C from the kernel and remembers it, so that a call that was interrupted can be made again.
    static func note() {
        // a program has one thread
        if unsafe ecall(.interrupt, UInt(interruptMode.rawValue)).value == 1 { unsafe wasInterrupted = true }
    }
}
