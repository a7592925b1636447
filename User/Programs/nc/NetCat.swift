// nc: bytes of the terminal to another machine and back, over TCP or UDP.

import SystemInterface
import UserLibrary

/// What the command line asks for.
struct Wish {
    var listens = false
    var keepsListening = false
    /// -e: with TCP a program is run, with UDP everything goes back.
    var executes = false
    var onlyLooks = false
    /// Milliseconds that nothing may come; -1: for ever.
    var limit: Int32 = -1
    var program: [[UInt8]] = []
}

@main enum NetCat: Program {
    static let usage: StaticString = """
        usage: nc [-w seconds] host port
               nc -z [-w seconds] host port
               nc -l [-k] [-w seconds] port
               nc -l [-k] -e program port
               nc -u [-b] [-z] [-w seconds] host port
               nc -u -l [-b] [-k | -e] [-w seconds] port
        Connects to a TCP port, sends what it reads from standard input, and prints what comes back. At the end of its
        input it ends its half of the connection, and waits for the end of the other.
          -l          listen on the port, and take one connection
          -k          listen on: take another connection when one ends
          -e program  run the program with the connection as its input and output: nc -l -e sh 7000
          -z          only look whether something listens; exit status 0 if so, else 1
          -w seconds  end when nothing came for so long, or no connection came about
          -u          UDP: a datagram a line. -l answers the first peer that writes, with -k the one that wrote last
          -b          with -u, allow broadcast addresses
          -e          with -u -l, echo: send everything back to its sender, and print nothing (RFC 862)
        """
    static let options: StaticString? = "ubzlkew:"
    static let takesOptionsAnywhere = true

    static func run(_ arguments: Arguments) -> Int32 {
        let isDatagram = arguments.has("u")
        var wish = Wish()
        wish.listens = arguments.has("l")
        wish.keepsListening = arguments.has("k")
        wish.executes = arguments.has("e")
        wish.onlyLooks = arguments.has("z")
        wish.limit = arguments.nanoseconds("w", most: 1 << 50).map { Int32($0 / 1_000_000) } ?? -1
        guard !wish.onlyLooks || !wish.listens else { arguments.refuse("-z and -l exclude each other") }
        guard isDatagram || !arguments.has("b") else { arguments.refuse("-b needs -u") }
        guard wish.listens || !wish.executes || !isDatagram else { arguments.refuse("-e with -u needs -l") }
        let names = wish.executes && !isDatagram ? 1 : 0
        guard arguments.count == (wish.listens ? 1 : 2) + names else {
            arguments.refuse(
                names == 1
                    ? "a program, an address and a port are needed (with -l a program and a port)"
                    : "an address and a port are needed (with -l only a port)")
        }
        // The program stands where -e stood: before the address, or after the port.
        let programIsLast = names == 1 && arguments[arguments.count - 1].number == nil
        let portIndex = arguments.count - 1 - (programIsLast ? 1 : 0)
        if names == 1 { wish.program = [[UInt8](arguments[programIsLast ? arguments.count - 1 : 0].bytes)] }
        guard let number = arguments[portIndex].number, number > 0, number <= 65535 else {
            fail("\(arguments[portIndex]): a port is a number from 1 to 65535")
        }
        let address =
            wish.listens
            ? SocketAddress(.none, port: UInt16(number))
            : SocketAddress(addressOrEnd(arguments[portIndex - 1]), port: UInt16(number))
        do throws(SystemError) {
            guard isDatagram else { return try Streams.run(address, wish) }
            let socket = try System.socket()
            if arguments.has("b") { try System.set(.broadcast, of: socket, to: 1) }
            if wish.listens { try System.bind(socket, to: address) } else { try System.connect(socket, to: address) }
            return try Datagrams.run(socket, wish)
        } catch {
            fail("\(error)")
        }
    }
}
