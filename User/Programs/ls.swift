// ls: lists directories, as xv6 prints them: name, type, inode number, size.

import SystemInterface
import UserLibrary

@main enum List: Program {
    static let usage: StaticString = """
        usage: ls [file ...]
        Lists the files, or what the directories hold: name, type (1 directory, 2 file, 3 device), inode number, size in bytes.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        arguments.takeOptions(usage) { _, _ in false }
        if arguments.count == 0 { return list(".") }
        var status: Int32 = 0
        for index in 0..<arguments.count { status |= list(arguments[index]) }
        return status
    }

    private static func list(_ path: CString) -> Int32 {
        do throws(SystemError) {
            let file = try System.open(path)
            let status = try System.status(file)
            if status.type == FileType.directory.rawValue {
                try listDirectory(file, path)
            } else {
                show(lastComponent(of: path), status)
            }
            try System.close(file)
            return 0
        } catch {
            complain("\(path): \(error)")
            return 1
        }
    }

    private static func show(_ name: UnsafeBufferPointer<UInt8>, _ status: FileStatus) {
        print("\(name, width: Limit.name) \(Int(status.type)) \(status.inode) \(status.size)")
    }

    private static func lastComponent(of path: CString) -> UnsafeBufferPointer<UInt8> {
        let bytes = path.bytes
        var start = 0
        for index in 0..<bytes.count where bytes[index] == UInt8(ascii: "/") { start = index + 1 }
        return UnsafeBufferPointer(rebasing: bytes[start...])
    }

    private static func listDirectory(_ directory: Descriptor, _ path: CString) throws(SystemError) {
        var entry = [UInt8](repeating: 0, count: 16)
        while try readPiece(directory, into: &entry) == 16 {
            if entry[0] == 0 && entry[1] == 0 { continue }
            var name: [UInt8] = []
            for index in 2..<16 {
                guard entry[index] != 0 else { break }
                name.append(entry[index])
            }
            var full = [UInt8](path.bytes)
            full.append(UInt8(ascii: "/"))
            full += name
            full.append(0)
            do throws(SystemError) {
                let status = try full.withUnsafeBufferPointer { (full) throws(SystemError) in
                    let file = try System.open(CString(full.baseAddress!))
                    let status = try System.status(file)
                    try System.close(file)
                    return status
                }
                name.withUnsafeBufferPointer { show($0, status) }
            } catch {
                name.withUnsafeBufferPointer { complain("\($0, width: 0): \(error)") }
            }
        }
    }
}
