//! What is measured, and the bars of each.

pub(crate) mod growth;
pub(crate) mod pace;
pub(crate) mod parallel;
pub(crate) mod path;
pub(crate) mod size;
pub(crate) mod startup;
pub(crate) mod token;

use std::path::PathBuf;

use crate::Failure;
use crate::house::House;
use crate::process::FunctionProcess;

/// How a run is made.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Where the functions' binaries are, and `bare-lambda`.
    pub(crate) binaries: PathBuf,
    pub(crate) users: usize,
    pub(crate) orders: usize,
}

impl Settings {
    /// Orders in one batch: as many as the template lets SQS hand over at once.
    pub(crate) const BATCH: usize = 10;

    pub(crate) fn orders_of_user(&self) -> usize {
        self.orders.div_ceil(self.users)
    }

    /// Starts order-submit in this house.
    pub(crate) async fn order_submit(&self, house: &House) -> Result<FunctionProcess, Failure> {
        self.start("order-submit", house).await
    }

    pub(crate) async fn start(&self, name: &str, house: &House) -> Result<FunctionProcess, Failure> {
        FunctionProcess::start(&self.binaries.join(name), &house.environment(), &self.log_of(name)).await
    }

    /// Starts a function whose instructions are counted.
    pub(crate) async fn under_callgrind(&self, name: &str, house: &House) -> Result<FunctionProcess, Failure> {
        FunctionProcess::start_counted(&self.binaries.join(name), &house.environment(), &self.log_of(name)).await
    }

    fn log_of(&self, name: &str) -> PathBuf {
        self.root.join("target/bench").join(format!("{name}.log"))
    }
}
