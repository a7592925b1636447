// Stream sockets: the calls that wait for a connection. The stack decides all; this waits, and copies bytes.

import Drivers
import Machine
import NetStack
import Storage
import Synchronization
import SystemInterface

extension SocketFile {
    /// A failure of the stack's as the error of a call.
    private func onStream<Result>(
        _ body: (inout Stack) throws(SocketError) -> Result
    ) throws(SystemError) -> Result {
        try Network.withStack { (stack) throws(SystemError) -> Result in
            do throws(SocketError) { return try body(&stack) } catch { throw error.systemError }
        }
    }

    // MARK: Connecting

    func listen(backlog: Int) throws(SystemError) {
        try onStream { (stack) throws(SocketError) in try stack.listen(number, backlog: backlog) }
    }

    /// Waits for a connection; its socket.
    /// - Parameter mayTakeLast: one of the last eighth of the sockets, too; else the connection waits on.
    func accept(mayTakeLast: Bool) throws(SystemError) -> SocketFile {
        let accepted = try wait(for: receiveDeadline) { () throws(SystemError) -> Int? in
            try onStream { (stack) throws(SocketError) in
                guard mayTakeLast || !stack.hasFewSockets else { throw .tooManySockets }
                return try stack.accept(number)
            }
        }
        return SocketFile(accepted: accepted)
    }

    /// Waits until the peer has answered, as long as a write would wait.
    /// - Throws: inProgress of a socket that does not wait, or not any longer: it goes on connecting.
    func connectStream(to peer: SocketAddress) throws(SystemError) {
        let peer = Endpoint(peer)
        try onStream { (stack) throws(SocketError) in try stack.connectSocket(number, to: peer, now: Clock.now) }
        guard mayWait else {
            if try isConnected() { return }
            throw .inProgress
        }
        do throws(SystemError) {
            _ = try wait(for: sendDeadline) { () throws(SystemError) -> Bool? in try isConnected() ? true : nil }
        } catch .timedOut {
            // Of the wait, or of the connection: that one is over.
            let isOver = try onStream { (stack) throws(SocketError) in stack.streamInfo(number)?.state == .closed }
            throw isOver ? .timedOut : .inProgress
        }
    }

    private func isConnected() throws(SystemError) -> Bool {
        try onStream { (stack) throws(SocketError) -> Bool in
            if let error = stack.takeStreamError(number) { throw error }
            guard let info = stack.streamInfo(number) else { throw .notConnected }
            switch info.state {
            case .synSent, .synReceived: return false
            case .closed: throw .refused
            default: return true
            }
        }
    }

    func shutdown(_ how: ShutdownKind) throws(SystemError) {
        try onStream { (stack) throws(SocketError) in
            try stack.shutdown(
                number, receiving: how != .sending, sending: how != .receiving, now: Clock.now)
        }
    }

    /// Waits as long as the option `linger` says until the peer has all: the socket is about to be closed.
    func linger() {
        let time = Network.onStack { $0.lingerTime(number) } ?? 0
        guard time > 0 else { return }
        do throws(SystemError) {
            try shutdown(.sending)
            _ = try withReaders { (readers) throws(SystemError) in
                try readers.wait(until: Clock.ticks(after: .milliseconds(UInt64(time)))) {
                    () throws(SystemError) -> Bool? in
                    try onStream { (stack) throws(SocketError) in stack.hasPeerAll(number) ? true : nil }
                }
            }
        } catch {}  // the time has passed, or the process was killed
    }

    // MARK: Waiting

    private var receiveDeadline: UInt64? { Self.deadline(receiveTimeout) }
    private var sendDeadline: UInt64? { Self.deadline(sendTimeout) }

    private static func deadline(_ milliseconds: Int) -> UInt64? {
        milliseconds == 0 ? nil : Clock.ticks(after: .milliseconds(UInt64(milliseconds)))
    }

    /// Waits until `body` has something; one look for a socket that does not wait.
    private func wait<Result>(
        for deadline: UInt64?, isOneLook: Bool = false, _ body: () throws(SystemError) -> Result?
    ) throws(SystemError) -> Result {
        guard mayWait, !isOneLook else {
            guard let result = try body() else { throw .tryAgain }
            return result
        }
        return try withReaders { (readers) throws(SystemError) in
            try readers.wait(until: deadline) { () throws(SystemError) in try body() }
        }
    }

    // MARK: Data

    /// Bytes that one turn of `sendStream` takes over at most.
    private static var turn: Int { 64 * 1024 }

    /// Sends all of it, in turns as there is room; fewer bytes when something ends it after the first turn.
    func sendStream(from source: UserAddress, count: Int, flags: MessageFlags) throws(SystemError) -> Int {
        let deadline = sendDeadline
        var done = 0
        repeat {
            do throws(SystemError) {
                done += try sendTurn(from: source + done, count: count - done, deadline, flags)
            } catch {
                if done > 0, error != .badAddress { return done }
                throw error
            }
        } while done < count
        return done
    }

    private func sendTurn(
        from source: UserAddress, count: Int, _ deadline: UInt64?, _ flags: MessageFlags
    ) throws(SystemError) -> Int {
        let isOneLook = flags.contains(.dontWait)
        let room = try wait(for: deadline, isOneLook: isOneLook) {
            () throws(SystemError) -> (bytes: Int, segment: Int)? in
            let room = try onStream { (stack) throws(SocketError) in try stack.streamRoom(number) }
            return room.bytes > 0 || count == 0 ? room : nil
        }
        let wanted = min(count, room.bytes, Self.turn)
        var queue = PacketQueue()
        var taken = 0
        while taken < wanted {
            guard let packet = try fill(from: source + taken, min(wanted - taken, room.segment)) else { break }
            taken += packet.count
            queue.append(packet)
        }
        // Others have taken the packets meanwhile: the next look says when there are some.
        if taken == 0, count > 0, isOneLook || !mayWait { throw .tryAgain }
        var waiting: PacketQueue? = consume queue
        try onStream { (stack) throws(SocketError) in
            if let queue = waiting.take() { try stack.sendStream(queue, on: number, now: Clock.now) }
        }
        return taken
    }

    /// A packet with bytes of the program's, and room in front for all headers; nil when there is none.
    private func fill(from source: UserAddress, _ count: Int) throws(SystemError) -> Packet? {
        guard var packet = try Network.packetAtOnce() else { return nil }
        guard packet.resize(to: TCPLimit.segmentHeadroom), packet.trimFront(TCPLimit.segmentHeadroom),
            packet.resize(to: count)
        else { throw .messageTooLong }
        var bytes = packet.mutableBytes
        guard source.copyIn(to: &bytes) == count else { throw .badAddress }
        return packet
    }

    /// Waits for bytes and copies what there is, `count` at most; all of them with `waitAll`. 0: the peer sends no more.
    func receiveStream(to destination: UserAddress, count: Int, flags: MessageFlags) throws(SystemError) -> Int {
        guard count > 0 else { return 0 }
        let deadline = receiveDeadline
        var done = 0
        repeat {
            let taken: Int
            do throws(SystemError) {
                taken = try receiveTurn(to: destination + done, count: count - done, deadline, flags)
            } catch {
                if done > 0 { return done }
                throw error
            }
            if taken == 0 { return done }
            done += taken
        } while done < count && flags.contains(.waitAll) && !flags.contains(.peek)
        return done
    }

    private func receiveTurn(
        to destination: UserAddress, count: Int, _ deadline: UInt64?, _ flags: MessageFlags
    ) throws(SystemError) -> Int {
        var data: Packet?
        _ = try wait(for: deadline, isOneLook: flags.contains(.dontWait)) { () throws(SystemError) -> Bool? in
            try onStream { (stack) throws(SocketError) -> Bool? in
                let read =
                    flags.contains(.peek)
                    ? try stack.peekStream(number, limit: count)
                    : try stack.receiveStream(number, limit: count, now: Clock.now)
                switch consume read {
                case .data(let packet):
                    data = consume packet
                    return true
                case .end: return false
                case .nothing: return nil
                }
            }
        }
        guard let packet = data.take() else { return 0 }
        return try Self.copyAllOut(packet, to: destination, limit: count)
    }
}
