// fetch: a file from a web server.

import HTTP
import SystemInterface
import UserLibrary

@main enum Fetch: Program {
    static let usage: StaticString = """
        usage: fetch [-cq] [-o file] http://host[:port]/path
        Gets a file over HTTP/1.1 and writes it to a file that is called as the path ends, or to the one named.
          -o file  write there; - is standard output
          -c       go on with a file that is there in part
          -q       show no progress
        Follows up to five redirections. Exit status 0 when all of it came, else 1.
        """
    static let options: StaticString? = "cqo:"
    static let takesOptionsAnywhere = true

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count == 1 else { arguments.refuse("one address is needed") }
        guard var address = WebAddress([UInt8](arguments[0].bytes)) else {
            fail("\(arguments[0]): not an address like http://host/path (https is not spoken here)")
        }
        var name = arguments.value("o").map { [UInt8]($0.bytes) } ?? address.fileName
        if name == [UInt8(ascii: "-")] { name = [] }
        let isQuiet = arguments.has("q") || name.isEmpty
        for _ in 0...5 {
            var transfer = Transfer(address, name, resumes: arguments.has("c"), isQuiet: isQuiet)
            do throws(SystemError) {
                switch try transfer.run() {
                case .done: return 0
                case .failed(let reason): fail("\(arguments[0]): \(reason)")
                case .moved(let place):
                    guard let next = WebAddress(place, from: address) else {
                        fail("moved to an address that fetch cannot read")
                    }
                    address = next
                }
            } catch {
                fail("\(address.hostText): \(error)")
            }
        }
        fail("\(arguments[0]): too many redirections")
    }
}

/// http://host:port/path, taken apart.
struct WebAddress {
    private(set) var host: [UInt8] = []
    private(set) var port: UInt16 = 80
    private(set) var path: [UInt8] = [UInt8(ascii: "/")]

    init?(_ text: [UInt8]) {
        let scheme = ("http://" as Text).bytes
        guard text.count > scheme.count, [UInt8](text[0..<scheme.count]) == scheme else { return nil }
        var rest = [UInt8](text[scheme.count...])
        if let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
            path = [UInt8](rest[slash...].prefix { $0 != UInt8(ascii: "#") })
            rest = [UInt8](rest[..<slash])
        }
        if let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
            var number = 0
            for byte in rest[(colon + 1)...] {
                guard byte >= 48, byte <= 57, number < 65536 else { return nil }
                number = number * 10 + Int(byte) - 48
            }
            guard number > 0, number <= 65535 else { return nil }
            port = UInt16(number)
            rest = [UInt8](rest[..<colon])
        }
        guard !rest.isEmpty, !path.contains(where: { $0 <= 32 || $0 == 127 }) else { return nil }
        host = rest
    }

    /// Where a server says that something is now: a whole address, or a path on the same host.
    init?(_ place: [UInt8], from old: WebAddress) {
        guard place.first == UInt8(ascii: "/") else {
            self.init(place)
            return
        }
        guard !place.contains(where: { $0 <= 32 || $0 == 127 }) else { return nil }
        self = old
        path = place
    }

    var hostText: Text {
        var text = Text()
        text.bytes = host
        return text
    }

    /// What the path ends with; index.html for a directory.
    var fileName: [UInt8] {
        let plain = [UInt8](path.prefix { $0 != UInt8(ascii: "?") })
        let start = plain.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
        let name = [UInt8](plain[start...])
        return name.isEmpty ? ("index.html" as Text).bytes : name
    }
}
