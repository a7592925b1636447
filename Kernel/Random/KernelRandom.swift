// The kernel's own source of random numbers, from which the call `getrandom` draws. The network stack has one of its
// own.

import NetStack
import Storage

enum KernelRandom {
    private static let generator = SpinLock<RandomGenerator>(.random)

    /// Draws from a generator from now on. Once, during start-up.
    static func start(at place: Ref<RandomGenerator>) { generator.start(at: place) }

    /// 64 random bits.
    static func number() -> UInt64 { generator.withLock { $0.number() } }
}
