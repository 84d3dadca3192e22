//! `floor --listen ADDR:PORT`: the echo server that [`everwire_bench::floor`] describes.

use std::process::ExitCode;

use everwire_bench::{epoll, floor::Floor};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = match &arguments[..] {
        [] => "127.0.0.1:8000",
        [flag, address] if flag == "--listen" => address,
        _ => {
            eprintln!("usage: floor [--listen ADDR:PORT]");
            return ExitCode::from(2);
        }
    };
    let served = epoll::raise_file_limit().and_then(|_| {
        let floor = Floor::bind(address)?;
        println!("listening on http://{}", floor.local_addr()?);
        floor.run()
    });
    if let Err(error) = served {
        eprintln!("floor: {error}");
    }
    ExitCode::FAILURE
}
