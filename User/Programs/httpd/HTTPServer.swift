// httpd: the files of a directory over HTTP/1.1, many connections in one process.

import HTTP
import SystemInterface
import UserLibrary

@main enum HTTPServer: Program {
    static let usage: StaticString = """
        usage: httpd [-p port] [directory]
        Serves the files of a directory (/ if none is named) over HTTP/1.1, at port 80 or the one named; a page about this
        machine at /status, and at / when the directory has no index.html. Takes GET and HEAD, keeps connections, and
        sends parts of files. Last-Modified is when a file was written; If-Modified-Since and the like are heeded.
        """
    static let options: StaticString? = "p:"
    /// Seconds that a connection may be silent.
    private static let patience: UInt64 = 60

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count <= 1 else { arguments.refuse("one directory at most is served") }
        let port = arguments.value("p").map { text -> UInt16 in
            guard let number = text.number, number > 0, number <= 65535 else {
                fail("\(text): a port is a number from 1 to 65535")
            }
            return UInt16(number)
        }
        do throws(SystemError) {
            if arguments.count == 1 {
                do throws(SystemError) {
                    try System.changeDirectory(Path(arguments[0]))
                } catch {
                    fail("\(arguments[0]): \(error)")
                }
            } else {
                try System.changeDirectory("/")
            }
            let listener = try System.listening(at: port ?? 80)
            try System.set(.nonBlocking, of: listener, to: 1)
            try serve(listener)
        } catch {
            fail("port \(port ?? 80): \(error)")
        }
    }

    private static func serve(_ listener: FileDescriptor) throws(SystemError) -> Never {
        var connections: [Connection] = []
        // Not 0: there were no descriptors for those that wait, and until then they are not looked at.
        var fullUntil: UInt64 = 0
        while true {
            if System.clock >= fullUntil { fullUntil = 0 }
            var entries = [PollEntry(descriptor: fullUntil > 0 ? -1 : listener.rawValue)]
            for connection in connections {
                let events = connection.isSending ? PollEntry.writable : PollEntry.readable
                entries.append(PollEntry(descriptor: connection.socket.rawValue, events: events))
            }
            _ = try System.poll(
                &entries, milliseconds: fullUntil > 0 ? 1000 : connections.isEmpty ? -1 : 5000)
            let now = System.clock
            var index = 0
            for place in 1..<max(1, entries.count) {
                if entries[place].returned != 0 { connections[index].proceed(now: now) }
                if connections[index].isOver || now > connections[index].lastActive &+ patience * 1_000_000_000 {
                    connections[index].end()
                    connections.remove(at: index)
                    fullUntil = 0
                } else {
                    index += 1
                }
            }
            if entries[0].returned != 0, !takeAll(listener, &connections, now: now) {
                fullUntil = now &+ 1_000_000_000
            }
        }
    }

    /// Takes the connections that wait; false when there are no descriptors for them.
    private static func takeAll(_ listener: FileDescriptor, _ connections: inout [Connection], now: UInt64) -> Bool {
        while true {
            do throws(SystemError) {
                let (socket, _) = try System.accept(listener)
                connections.append(Connection(socket, now: now))
            } catch .tooManyFiles {
                return false
            } catch .tooManyFilesInSystem {
                return false
            } catch {
                return true
            }
        }
    }
}
