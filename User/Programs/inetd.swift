// inetd: the small services that show that a machine is there: echo (RFC 862), discard (863), daytime (867), chargen
// (864), all over TCP and in one process.

import SystemInterface
import UserLibrary

@main enum SmallServices: Program {
    static let usage: StaticString = """
        usage: inetd
        Serves over TCP: echo (port 7) sends back what comes, discard (9) takes it, daytime (13) says what time it is, chargen
        (19) sends lines of characters without end. A connection on which nothing moves for a minute is ended.
        """

    private enum Service: Int {
        case echo, discard, daytime, chargen

        var port: UInt16 {
            switch self {
            case .echo: 7
            case .discard: 9
            case .daytime: 13
            case .chargen: 19
            }
        }
    }

    private struct Connection {
        let socket: FileDescriptor
        let service: Service
        /// What waits to be sent.
        var output: [UInt8] = []
        var hasEnded = false
        var line = 0
        var lastActive: UInt64
    }

    /// Bytes that a connection of echo may have on its way back.
    private static var most: Int { 16 * 1024 }

    /// Nanoseconds that a connection may be silent.
    private static var patience: UInt64 { 60_000_000_000 }

    static func run(_ arguments: Arguments) -> Int32 {
        arguments.expectNone()
        var listeners: [(FileDescriptor, Service)] = []
        for number in 0..<4 {
            guard let service = Service(rawValue: number) else { continue }
            do throws(SystemError) {
                let listener = try System.listening(at: service.port)
                try System.set(.nonBlocking, of: listener, to: 1)
                listeners.append((listener, service))
            } catch {
                fail("port \(service.port): \(error)")
            }
        }
        var connections: [Connection] = []
        var fullUntil: UInt64 = 0
        while true { turn(listeners, &connections, &fullUntil) }
    }

    /// - Parameter fullUntil: Not 0: there were no descriptors for those that wait, and until then they are not looked at.
    private static func turn(
        _ listeners: [(FileDescriptor, Service)], _ connections: inout [Connection], _ fullUntil: inout UInt64
    ) {
        if System.clock >= fullUntil { fullUntil = 0 }
        let isFull = fullUntil > 0
        var entries = listeners.map { PollEntry(descriptor: isFull ? -1 : $0.0.rawValue) }
        for connection in connections {
            let speaksFirst = connection.service == .chargen || connection.service == .daytime
            let wantsRoom = speaksFirst || !connection.output.isEmpty
            let mayRead = connection.output.count < most && !connection.hasEnded
            let events = (wantsRoom ? PollEntry.writable : 0) | (mayRead ? PollEntry.readable : 0)
            entries.append(PollEntry(descriptor: connection.socket.rawValue, events: events))
        }
        do throws(SystemError) {
            _ = try System.poll(&entries, milliseconds: isFull ? 1000 : connections.isEmpty ? -1 : 5000)
        } catch {
            fail("\(error)")
        }
        let now = System.clock
        var index = 0
        for place in listeners.count..<max(listeners.count, entries.count) {
            let events = entries[place].returned
            if events != 0 { connections[index].lastActive = now }
            if events != 0 && !proceed(&connections[index], events)
                || now > connections[index].lastActive &+ patience
            {
                try? System.close(connections.remove(at: index).socket)
                fullUntil = 0
            } else {
                index += 1
            }
        }
        for place in 0..<listeners.count where entries[place].returned != 0 {
            let (listener, service) = listeners[place]
            do throws(SystemError) {
                while true {
                    let (socket, _) = try System.accept(listener)
                    connections.append(Connection(socket: socket, service: service, lastActive: now))
                }
            } catch .tryAgain {
            } catch {
                fullUntil = now &+ 1_000_000_000
            }
        }
    }

    /// Does what can be done without waiting; false when the connection is over.
    private static func proceed(_ connection: inout Connection, _ events: Int16) -> Bool {
        do throws(SystemError) {
            if events & PollEntry.readable != 0 { try receive(&connection) }
            try send(&connection)
            return !(connection.hasEnded && connection.output.isEmpty)
        } catch .tryAgain {
            return true
        } catch {
            return false
        }
    }

    private static func receive(_ connection: inout Connection) throws(SystemError) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = try System.receiveStream(connection.socket, into: &buffer, flags: .dontWait)
        // A client that asks for the time may end its half at once.
        if count == 0, connection.service != .daytime { connection.hasEnded = true }
        if connection.service == .echo { connection.output.append(contentsOf: buffer[0..<count]) }
    }

    private static func send(_ connection: inout Connection) throws(SystemError) {
        switch connection.service {
        case .daytime where !connection.hasEnded:
            let seconds: UInt64
            do throws(SystemError) { seconds = try System.wallClock() / 1_000_000_000 } catch { seconds = 0 }
            connection.output = ("\(dateText(seconds))\r\n" as Text).bytes
            connection.hasEnded = true
        case .chargen where !connection.hasEnded && connection.output.isEmpty:
            for _ in 0..<16 { appendLine(&connection) }
        default: break
        }
        guard !connection.output.isEmpty else { return }
        let sent = try System.sendStream(connection.socket, connection.output.span, flags: .dontWait)
        connection.output.removeFirst(sent)
    }

    /// 72 of the 95 printable characters, each line beginning one further on.
    private static func appendLine(_ connection: inout Connection) {
        for place in 0..<72 { connection.output.append(UInt8(32 + (connection.line + place) % 95)) }
        connection.output.append(13)
        connection.output.append(10)
        connection.line = (connection.line + 1) % 95
    }
}
