// How large the rooms of the house are: lines of source, bytes of the kernel.

import ELF
import Foundation

/// The rooms: folders of the source. The kernel's own have a line each.
enum Room {
    static let kernel = [
        "Machine", "Boot", "Memory", "Process", "Trap", "FileSystem", "File", "Console", "Network", "SystemCall",
        "Interface",
    ]
    .map { "Kernel/" + $0 }
    static let inKernel = kernel + ["Drivers", "NetStack"]
    static let all = inKernel + ["User/Library", "User/Programs", "Tools", "Tests", "Linker", "qemu"]

    /// The files below a room that are source: path and text.
    static func files(of room: String) -> [(path: String, text: String)] {
        let names = FileManager.default.enumerator(atPath: room)?.compactMap { $0 as? String } ?? []
        return names.sorted().compactMap { name in
            let isSource = [".swift", ".S", ".h", ".ld"].contains { name.hasSuffix($0) }
            guard isSource || room == "qemu", let text = try? String(contentsOfFile: "\(room)/\(name)", encoding: .utf8)
            else { return nil }
            return (name, text)
        }
    }
}

enum SourceLines {
    static func run() throws {
        print("    code  comment  files  longest  room")
        var sum = (code: 0, comment: 0, files: 0)
        for room in Room.all {
            var (code, comment, longest) = (0, 0, 0)
            let files = Room.files(of: room)
            for file in files {
                let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                longest = max(longest, lines.count)
                for line in lines.map({ $0.drop { $0 == " " || $0 == "\t" } }) where !line.isEmpty {
                    if ["//", "#", "/*", "*"].contains(where: { line.hasPrefix($0) }) && !line.hasPrefix("#define") {
                        comment += 1
                    } else {
                        code += 1
                    }
                }
            }
            sum = (sum.code + code, sum.comment + comment, sum.files + files.count)
            print(columns([code, comment, files.count, longest], [8, 9, 7, 9]) + "  \(room)")
        }
        print(
            columns([sum.code, sum.comment, sum.files], [8, 9, 7]) + "           in all (blank lines are not counted)")
    }
}

/// Numbers, each at the right end of its column.
private func columns(_ numbers: [Int], _ widths: [Int]) -> String {
    zip(numbers, widths).map { number, width in
        String(repeating: " ", count: max(0, width - "\(number)".count)) + "\(number)"
    }.joined()
}

enum KernelSize {
    static func run() throws {
        guard let data = FileManager.default.contents(atPath: Machine.kernel) else {
            throw BenchError("\(Machine.kernel) is missing")
        }
        let image = try ELFImage(data)
        func address(_ name: String) throws -> UInt64 {
            guard let address = image.address(of: name) else { throw BenchError("\(Machine.kernel) has no \(name)") }
            return address
        }
        let start = try address("kernel_start"), text = try address("kernel_text_end"),
            constants = try address("kernel_rodata_end")
        let bss = try address("kernel_bss_start"), end = try address("kernel_end")
        let owner = Owner()
        var sizes: [String: [Int]] = [:]
        let symbols = image.symbols.filter {
            $0.isDefined && $0.address >= start && $0.address < end && !$0.name.isEmpty && !$0.name.hasPrefix(".")
                && !$0.name.hasPrefix("$x") && !$0.name.hasPrefix("$d")
        }
        .sorted { $0.address < $1.address }
        for (symbol, next) in zip(symbols, symbols.dropFirst().map(\.address) + [end]) where next > symbol.address {
            let part = symbol.address < text ? 0 : symbol.address < constants ? 1 : symbol.address < bss ? 2 : 3
            let room = symbol.name.hasPrefix("kernel_symbols") ? "(tables for backtraces)" : owner.room(of: symbol.name)
            sizes[room, default: [0, 0, 0, 0]][part] += Int(next - symbol.address)
        }
        print("    text  constants    data      bss  room")
        var sum = [0, 0, 0, 0]
        for (room, parts) in sizes.sorted(by: { $0.value[0] > $1.value[0] }) {
            print(columns(parts, [8, 11, 8, 9]) + "  \(room)")
            sum = zip(sum, parts).map { $0 + $1 }
        }
        print(columns(sum, [8, 11, 8, 9]) + "  in all")
    }

    /// The room of a symbol: a mangled name has the module, and for the kernel's own the type or function, which one
    /// room declares.
    private struct Owner {
        private var rooms: [String: String] = [:]

        init() {
            for room in Room.kernel {
                for file in Room.files(of: room) {
                    for line in file.text.split(separator: "\n") {
                        let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" && $0 != "." }.map(
                            String.init)
                        for (keyword, name) in zip(words, words.dropFirst())
                        where ["enum", "struct", "func", "protocol", "var", "let", "globl", ".globl"].contains(keyword)
                        {
                            if rooms[name] == nil { rooms[name] = room }
                        }
                    }
                }
            }
        }

        func room(of symbol: String) -> String {
            let parts = Self.identifiers(symbol)
            guard let module = parts.first else {
                return rooms[symbol] ?? (symbol.contains("swift") ? "(Swift)" : "Kernel/Machine")
            }
            switch module {
            case "NetStack", "Drivers": return module
            case "FileSystem": return "Kernel/FileSystem"
            case "SystemInterface": return "Kernel/Interface"
            case "Kernel": return parts.dropFirst().compactMap { rooms[$0] }.first ?? "Kernel (other)"
            default: return parts.dropFirst().compactMap { rooms[$0] }.first ?? "(Swift)"
            }
        }

        /// The identifiers of a mangled name: each stands behind its length.
        private static func identifiers(_ symbol: String) -> [String] {
            guard symbol.hasPrefix("$e") || symbol.hasPrefix("$s") else { return [] }
            var found: [String] = []
            let bytes = Array(symbol.utf8)
            var at = 2
            while at < bytes.count {
                var length = 0
                let start = at
                while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39, length < 1000 {
                    length = length * 10 + Int(bytes[at] - 0x30)
                    at += 1
                }
                if at > start, length > 0, at + length <= bytes.count {
                    found.append(String(decoding: bytes[at..<at + length], as: UTF8.self))
                    at += length
                } else if at == start {
                    at += 1
                }
            }
            return found
        }
    }
}
