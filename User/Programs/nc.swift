// nc: lines of the terminal out as datagrams, datagrams in as text.

import SystemInterface
import UserLibrary

@main enum NetCat: Program {
    static let usage: StaticString = """
        usage: nc -u [-b] [-w seconds] host port
               nc -u -z [-w seconds] host port
               nc -u -l [-b] [-k] [-w seconds] port
               nc -u -l -e [-w seconds] port
        Sends what it reads from standard input to a UDP port, a datagram a line, and prints what comes back.
          -u          UDP; there is nothing else yet
          -b          allow broadcast addresses
          -l          listen on the port, and answer the first peer that writes
          -e          echo: send everything back to its sender, and print nothing (RFC 862)
          -k          listen to all peers, and answer the one that wrote last
          -w seconds  end when nothing came for so long
          -z          only look whether something listens: an empty datagram, and nothing is printed. Exit status 1 if the host
                      says that no program does; 0 if nothing came within the time (1 second)
        """
    static let options: StaticString? = "ubzlkew:"
    static let takesOptionsAnywhere = true

    static func run(_ arguments: Arguments) -> Int32 {
        let (listens, keepsListening, echoes) = (arguments.has("l"), arguments.has("k"), arguments.has("e"))
        let limit = arguments.nanoseconds("w", most: 1 << 50).map { Int32($0 / 1_000_000) } ?? -1
        guard arguments.has("u") else { arguments.refuse("-u is needed: UDP is the only protocol so far") }
        guard !arguments.has("z") || !listens else { arguments.refuse("-z and -l exclude each other") }
        guard listens || !echoes else { arguments.refuse("-e needs -l") }
        guard arguments.count == (listens ? 1 : 2) else {
            arguments.refuse("an address and a port are needed (with -l only a port)")
        }
        guard let number = arguments[arguments.count - 1].number, number > 0, number <= 65535 else {
            fail("\(arguments[arguments.count - 1]): a port is a number from 1 to 65535")
        }
        let port = UInt16(number)
        do throws(SystemError) {
            let socket = try System.socket()
            if arguments.has("b") { try System.set(.broadcast, of: socket, to: 1) }
            if listens {
                try System.bind(socket, to: SocketAddress(.none, port: port))
            } else {
                try System.connect(socket, to: SocketAddress(addressOrEnd(arguments[0]), port: port))
            }
            if arguments.has("z") { return try look(socket, limit: limit < 0 ? 1000 : max(1, limit)) }
            if echoes { return try echo(socket, limit: limit) }
            return try talk(socket, isConnected: !listens, keepsListening: keepsListening, limit: limit)
        } catch {
            fail("\(error)")
        }
    }

    /// Whether no error comes back.
    private static func look(_ socket: FileDescriptor, limit: Int32) throws(SystemError) -> Int32 {
        let nothing: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1)
        try System.set(.receiveTimeout, of: socket, to: limit)
        do throws(SystemError) {
            try System.send(socket, nothing.span)
            _ = try System.receive(socket, into: &buffer)
        } catch .connectionRefused {
            return 1
        } catch .timedOut {}
        return 0
    }

    private static func echo(_ socket: FileDescriptor, limit: Int32) throws(SystemError) -> Int32 {
        var buffer = [UInt8](repeating: 0, count: 65536)
        if limit >= 0 { try System.set(.receiveTimeout, of: socket, to: max(1, limit)) }
        while true {
            do throws(SystemError) {
                let (count, source) = try System.receive(socket, into: &buffer)
                // One peer that cannot be answered does not end the service for the others, and has no line each.
                do throws(SystemError) {
                    try System.send(socket, buffer.span.extracting(0..<count), to: source)
                } catch {}
            } catch .timedOut {
                return 0
            } catch .connectionRefused {}  // a sender that has gone, told of late
        }
    }

    /// Says why not when a peer cannot be answered: another may come.
    private static func canConnect(_ socket: FileDescriptor, to peer: SocketAddress) -> Bool {
        do throws(SystemError) {
            try System.connect(socket, to: peer)
            return true
        } catch {
            complain("\(peer): cannot be answered: \(error)")
            return false
        }
    }

    private static func talk(
        _ socket: FileDescriptor, isConnected: Bool, keepsListening: Bool, limit: Int32
    ) throws(SystemError) -> Int32 {
        var entries = [
            PollEntry(descriptor: socket.rawValue), PollEntry(descriptor: FileDescriptor.standardInput.rawValue),
        ]
        var buffer = [UInt8](repeating: 0, count: 65536)
        var peer: SocketAddress?
        var isConnected = isConnected
        // What was read and is not a whole line yet.
        var line: [UInt8] = []
        while true {
            if try System.poll(&entries, milliseconds: limit) == 0 { return 0 }
            if entries[0].returned != 0 {
                let (count, source) = try System.receive(socket, into: &buffer)
                peer = source
                if !isConnected, !keepsListening { isConnected = canConnect(socket, to: source) }
                standardOutput.write(buffer.span.extracting(0..<count))
                standardOutput.flush()
            }
            if entries[1].returned != 0 {
                let count = try readPiece(.standardInput, into: &buffer)
                for byte in buffer[0..<count] {
                    line.append(byte)
                    // A line is a datagram, wherever a pipe cuts it; one that no datagram holds goes in pieces.
                    if byte == 0x0a || line.count == datagramLimit {
                        send(line, socket, isConnected: isConnected, peer)
                        line.removeAll(keepingCapacity: true)
                    }
                }
                if count == 0 {
                    if !line.isEmpty { send(line, socket, isConnected: isConnected, peer) }
                    line.removeAll()
                    // The end of the input: wait for answers only as long as the limit says.
                    if limit < 0, isConnected { return 0 }
                    entries[1].descriptor = -1
                }
            }
        }
    }

    private static let datagramLimit = 65_507

    /// Sends a line to the peer, if there is one; says why not when that is another's fault.
    private static func send(_ line: [UInt8], _ socket: FileDescriptor, isConnected: Bool, _ peer: SocketAddress?) {
        guard isConnected || peer != nil else { return }
        do throws(SystemError) {
            try System.send(socket, line.span, to: isConnected ? nil : peer)
        } catch {
            if isConnected { fail("\(error)") }
            complain("\(peer ?? SocketAddress(.none, port: 0)): not answered: \(error)")
        }
    }
}
