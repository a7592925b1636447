// The options of the load tests: how long, with how many processes, from which seed.

public import SystemInterface

public struct LoadOptions {
    /// Of the random numbers; printed, so that a run can be repeated.
    public let seed: UInt64
    public let seconds: Int
    public let processes: Int

    /// The letters that a program declares to have these options.
    public static var letters: StaticString { "s:t:p:" }

    /// - Parameter processes: unless -p says otherwise. Without -s the seed is the kernel's choice, without -t it takes
    ///   10 s.
    public init(_ arguments: Arguments, processes: Int) throws(SystemError) {
        arguments.expectNone()
        let given = arguments.number("s", in: 0...(1 << 60) - 1)
        if let given { seed = UInt64(given) } else { seed = try System.randomNumber() >> 32 }
        seconds = arguments.number("t", in: 1...1_000_000) ?? 10
        self.processes = arguments.number("p", in: 1...20) ?? processes
    }

    /// Nanoseconds since boot at which the load ends.
    public var deadline: UInt64 { System.clock + UInt64(seconds) * 1_000_000_000 }
}
