// ls: lists directories, as xv6 prints them: name, type, inode number, size.

import SystemInterface
import UserLibrary

@main enum List: Program {
    static let usage: StaticString = """
        usage: ls [file ...]
        Lists the files, or what the directories hold: name, type (1 directory, 2 file, 3 device), inode number, size in bytes.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        if arguments.count == 0 { return list(".") }
        var status: Int32 = 0
        for index in 0..<arguments.count { status |= list(Path(arguments[index])) }
        return status
    }

    /// Lists a file or a directory; the exit status.
    private static func list(_ path: Path) -> Int32 {
        do throws(SystemError) {
            let file = try System.open(path)
            let status = try System.status(file)
            if status.type == FileType.directory.rawValue {
                try listDirectory(file, path)
            } else {
                show(path.lastComponent, status)
            }
            try System.close(file)
            return 0
        } catch {
            complain("\(path): \(error)")
            return 1
        }
    }

    private static func show(_ name: [UInt8], _ status: FileStatus) {
        print("\(name, width: Limit.name) \(status.type) \(status.inode) \(status.size)")
    }

    private static func listDirectory(_ directory: FileDescriptor, _ path: Path) throws(SystemError) {
        var reader = DirectoryReader(directory, givesDots: true)
        while let name = try reader.next() {
            do throws(SystemError) {
                show(name, try status(of: path.appending(name)))
            } catch {
                complain("\(name): \(error)")
            }
        }
    }
}
