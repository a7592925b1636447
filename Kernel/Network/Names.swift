// Names in the kernel: the threads that wait for an answer. The stack has the resolver itself.

import Drivers
import Machine
import NetStack
import Storage
import SystemInterface

enum Names {
    /// By query: the thread that waits for the answer.
    private static let waiters = BootTable<WaitQueue>()

    /// Makes the wait queues. Once, during start-up.
    static func start() { waiters.start(StackLimit.queries) { _ in WaitQueue() } }

    static func wake(_ query: Int) { waiters[query].wakeAll() }

    /// Looks a name up and sleeps until the answer, or so long.
    static func resolve(_ name: RawSpan, timeout: Duration) throws(SystemError) -> NameReport {
        try Leases.awaitAddress(for: IPAddress(.any))
        var query = -1
        try Network.withStack { (stack) throws(SystemError) in
            do throws(ResolveError) {
                query = try stack.startQuery(name, now: Clock.now)
            } catch {
                throw error.systemError
            }
        }
        let number = query
        do throws(SystemError) {
            return try waiters[number].wait(until: Clock.ticks(after: timeout)) {
                () throws(SystemError) -> NameReport? in
                try report(number)
            }
        } catch {
            Network.onStack { $0.cancelQuery(number, now: Clock.now) }
            throw error
        }
    }

    private static func report(_ query: Int) throws(SystemError) -> NameReport? {
        var failure: ResolveError?
        let report =
            Network.onStack { stack -> NameReport? in
                guard let result = stack.takeQuery(query) else { return nil }
                failure = result.error
                var report = NameReport()
                report.timeToLive = result.timeToLive
                for i in 0..<result.addresses.count { report.addAddress(NetworkAddress(result.addresses[i])) }
                result.canonical.forEachCharacter { report.addNameByte($0) }
                return report
            } ?? nil
        if let failure { throw failure.systemError }
        return report
    }
}

extension ResolveError {
    /// The number that crosses the system-call border.
    fileprivate var systemError: SystemError {
        switch self {
        case .noServer: .noNameServer
        case .malformedName: .invalidArgument
        case .tooManyQueries: .noBufferSpace
        case .notFound: .noSuchName
        case .noAddress: .noSuchAddress
        case .truncated: .answerTooLong
        case .timedOut: .timedOut
        case .serverFailure: .tryAgain
        }
    }
}
