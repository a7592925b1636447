// The stack's options and errors of sockets as the numbers that cross the system-call border.

import NetStack
import SystemInterface

extension SocketOption {
    /// The stack's option of a stream; nil for one of all sockets, or one to be read only.
    var ofStreams: StreamOption? {
        switch self {
        case .timeToLive: .timeToLive
        case .reuseAddress: .reuseAddress
        case .keepAlive: .keepAlive
        case .linger: .linger
        case .noDelay: .noDelay
        case .sendBuffer: .sendBuffer
        case .receiveBuffer: .receiveBuffer
        case .congestion: .congestion
        case .userTimeout: .userTimeout
        default: nil
        }
    }
}

extension SocketError {
    /// The number that crosses the system-call border.
    var systemError: SystemError {
        switch self {
        case .tooManySockets: .tooManyFilesInSystem
        case .addressInUse: .addressInUse
        case .notOurAddress: .addressNotAvailable
        case .noDestination: .destinationRequired
        case .badDestination: .invalidArgument
        case .broadcastNotAllowed: .accessDenied
        case .noRoute, .networkUnreachable: .networkUnreachable
        case .noInterface: .networkDown
        case .tooLarge: .messageTooLong
        case .noMemory: .noBufferSpace
        case .refused: .connectionRefused
        case .hostUnreachable: .hostUnreachable
        case .connectionReset: .connectionReset
        case .timedOut: .timedOut
        case .brokenPipe: .brokenPipe
        case .notConnected: .notConnected
        case .alreadyConnected: .alreadyConnected
        case .alreadyConnecting: .alreadyInProgress
        }
    }
}
