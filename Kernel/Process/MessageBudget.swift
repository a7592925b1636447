// How many lines a program can make the kernel print: a burst, then a few a second, so that it cannot fill the console
// and the log.

import Storage

struct MessageBudget {
    /// Lines that may come at once, and lines a second after that.
    private static let burst: UInt64 = 100
    private static let rate: UInt64 = 10

    private var left = MessageBudget.burst
    private var filledAt: UInt64 = 0
    private var suppressed: UInt64 = 0

    init() {}

    /// Whether one more line may be printed.
    /// - Returns: nil if not; else how many were not printed since the last one.
    mutating func take() -> UInt64? {
        let now = Clock.ticks
        let earned = (now &- filledAt) / (Clock.frequency / Self.rate)
        if earned > 0 {
            left = min(Self.burst, left + min(earned, Self.burst))
            filledAt = now
        }
        guard left > 0 else {
            suppressed += 1
            return nil
        }
        left -= 1
        defer { suppressed = 0 }
        return suppressed
    }
}

extension ProcessRef {
    /// Prints a line about what the process did, if its budget has one.
    func report(_ message: KernelMessage) {
        guard let suppressed = value.messages.take() else { return }
        if suppressed > 0 { kprint("\(pid) \(value.thread.value.name): \(suppressed) messages not printed\n") }
        kprint(message)
    }
}
