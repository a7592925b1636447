// nc: lines of the terminal out as datagrams, datagrams in as text.

import SystemInterface
import UserLibrary

@main enum NetCat: Program {
    static let usage: StaticString = """
        usage: nc -u [-w seconds] host port
               nc -u -l [-k] [-w seconds] port
               nc -u -l -e [-w seconds] port
        Sends what it reads from standard input to a UDP port, a datagram a line, and prints what comes back.
          -u          UDP; there is nothing else yet
          -l          listen on the port, and answer the first peer that writes
          -e          echo: send everything back to its sender, and print nothing (RFC 862)
          -k          listen to all peers, and answer the one that wrote last
          -w seconds  end when nothing came for so long
        """
    static let options: StaticString? = "ulkew:"
    static let takesOptionsAnywhere = true

    static func run(_ arguments: Arguments) -> Int32 {
        let (listens, keepsListening, echoes) = (arguments.has("l"), arguments.has("k"), arguments.has("e"))
        let limit = arguments.nanoseconds("w", most: 1 << 50).map { Int32($0 / 1_000_000) } ?? -1
        guard arguments.has("u") else { arguments.refuse("-u is needed: UDP is the only protocol so far") }
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
            if listens {
                try System.bind(socket, to: SocketAddress(.none, port: port))
            } else {
                try System.connect(socket, to: SocketAddress(addressOrEnd(arguments[0]), port: port))
            }
            if echoes { return try echo(socket, limit: limit) }
            return try talk(socket, isConnected: !listens, keepsListening: keepsListening, limit: limit)
        } catch {
            fail("\(error)")
        }
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
                if count == 0 {
                    // The end of the input: wait for answers only as long as the limit says.
                    if limit < 0, isConnected { return 0 }
                    entries[1].descriptor = -1
                } else if isConnected || peer != nil {
                    let bytes = buffer.span.extracting(0..<count)
                    do throws(SystemError) {
                        try System.send(socket, bytes, to: isConnected ? nil : peer)
                    } catch  where !isConnected {
                        complain("\(peer ?? SocketAddress(.none, port: 0)): not answered: \(error)")
                    }
                }
            }
        }
    }
}
