// Echo requests in the kernel: the threads that wait for a reply. The stack has the requests themselves.

import Drivers
import NetStack
import Storage
import SystemInterface

enum Echoes {
    /// By echo slot: the thread that waits for the reply.
    private static let waiters = BootTable<WaitQueue>()

    /// Makes the wait queues. Once, during start-up.
    static func start() { waiters.start(StackLimit.echoes) { _ in WaitQueue() } }

    static func wake(_ slot: Int) { waiters[slot].wakeAll() }

    /// Sends an echo request and sleeps until its reply. Throws why there is none.
    static func ping(
        _ address: IPAddress, payload: Int, sequence: UInt16, timeout: Duration
    ) throws(SystemError) -> EchoReply {
        try Leases.awaitAddress(for: address)
        let slot = try start(address, payload: payload, sequence: sequence, timeout: timeout)
        let outcome: EchoOutcome
        do throws(SystemError) {
            outcome = try waiters[slot].wait { () throws(SystemError) -> EchoOutcome? in
                Network.onStack { $0.takeEcho(slot) } ?? nil
            }
        } catch {
            Network.onStack { $0.cancelEcho(slot) }
            throw error
        }
        switch outcome {
        case .reply(let reply): return reply
        case .failed(let error): throw error.systemError
        }
    }
}

extension Echoes {
    /// Sends the request, when there is room for it; returns its slot.
    private static func start(
        _ address: IPAddress, payload: Int, sequence: UInt16, timeout: Duration
    ) throws(SystemError) -> Int {
        while true {
            var congested: InterfaceID?
            let slot = try Network.withStack { (stack) throws(SystemError) -> Int? in
                congested = stack.congestion(toward: address)
                guard congested == nil else { return nil }
                do throws(EchoError) {
                    return try stack.startEcho(
                        to: address, payloadCount: payload, sequence: sequence, timeout: timeout, now: Clock.now)
                } catch {
                    throw error.systemError
                }
            }
            if let slot { return slot }
            if let congested { try Network.awaitRoom(on: congested) }
        }
    }
}

extension EchoError {
    /// The number that crosses the system-call border.
    fileprivate var systemError: SystemError {
        switch self {
        case .noInterface: .networkDown
        case .noRoute, .networkUnreachable: .networkUnreachable
        case .noMemory, .tooManyRequests: .noBufferSpace
        case .tooLarge: .messageTooLong
        case .badAddress: .invalidArgument
        case .timedOut: .timedOut
        case .hostUnreachable, .unreachable, .timeExceeded: .hostUnreachable
        }
    }
}
