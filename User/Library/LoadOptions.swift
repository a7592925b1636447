// What the load tests are told on the command line: for how long, with how many processes, from which seed.

import SystemInterface

public struct LoadOptions {
    /// Of the random numbers; printed, so that a run can be repeated.
    public private(set) var seed: UInt64
    public private(set) var seconds = 10
    public private(set) var processes = 0

    /// Takes -s, -t and -p, or ends the program with its usage text. Without -s the seed is the clock's.
    public init(_ arguments: Arguments, _ usage: StaticString, processes: Int) {
        var arguments = arguments
        var (seed, seconds, count) = (System.clock, 10, processes)
        arguments.takeOptions(usage, withValue: "stp") { letter, value in
            guard let number = value.number, number >= 0 else { return false }
            switch letter {
            case UInt8(ascii: "s"): seed = UInt64(number)
            case UInt8(ascii: "t") where number > 0: seconds = number
            case UInt8(ascii: "p") where number > 0 && number <= 20: count = number
            default: return false
            }
            return true
        }
        if arguments.count > 0 { Arguments.refuse("\(arguments[0]) makes no sense", usage) }
        (self.seed, self.seconds, self.processes) = (seed, seconds, count)
    }

    /// Nanoseconds since boot at which the load ends.
    public var deadline: UInt64 { System.clock + UInt64(seconds) * 1_000_000_000 }
}
