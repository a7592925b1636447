// The network within the machine: the loopback interface, and a poll of a socket.

import SystemInterface
import UserLibrary

extension Bench {
    static var socketOperations: [Operation] {
        [
            Operation("ping-loopback") { () throws(SystemError) in
                try measure("ping-loopback", 200) { () throws(SystemError) in
                    _ = try System.ping(NetworkAddress(ipv4: 0x7f00_0001), payload: 56, milliseconds: 1000)
                }
            },
            Operation("socket-poll") { () throws(SystemError) in
                let socket = try System.socket()
                var entries = [PollEntry(descriptor: socket.rawValue)]
                try measure("socket-poll", 500) { () throws(SystemError) in
                    _ = try System.poll(&entries, milliseconds: 0)
                }
                try System.close(socket)
            },
        ]
    }
}
